#include "base/build_id.h"

#include <elf.h>
#include <link.h>

#include <cstdint>
#include <cstring>

namespace whet {
namespace {

constexpr uint32_t Padded(uint32_t size) { return (size + 3) & ~3u; }

// Of one loaded object, if `address` lies in it: the note of type NT_GNU_BUILD_ID and owner GNU.
struct Search {
  uintptr_t address;
  std::string id;
};

int Visit(dl_phdr_info* object, size_t, void* context) {
  auto* search = static_cast<Search*>(context);
  bool holds_address = false;
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = object->dlpi_phdr[i];
    const uintptr_t begin = object->dlpi_addr + segment.p_vaddr;
    if (segment.p_type == PT_LOAD && search->address >= begin && search->address < begin + segment.p_memsz) {
      holds_address = true;
    }
  }
  if (!holds_address) return 0;
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = object->dlpi_phdr[i];
    if (segment.p_type != PT_NOTE) continue;
    const auto* note = reinterpret_cast<const char*>(object->dlpi_addr + segment.p_vaddr);
    const char* end = note + segment.p_memsz;
    while (note + sizeof(ElfW(Nhdr)) <= end) {
      ElfW(Nhdr) header;
      std::memcpy(&header, note, sizeof(header));
      const char* name = note + sizeof(header);
      const char* content = name + Padded(header.n_namesz);
      if (content + header.n_descsz > end) break;
      if (header.n_type == NT_GNU_BUILD_ID && header.n_namesz == 4 && std::memcmp(name, "GNU", 4) == 0) {
        constexpr char kDigits[] = "0123456789abcdef";
        for (uint32_t b = 0; b < header.n_descsz; ++b) {
          const auto byte = static_cast<uint8_t>(content[b]);
          search->id += kDigits[byte >> 4];
          search->id += kDigits[byte & 15];
        }
        return 1;
      }
      note = content + Padded(header.n_descsz);
    }
  }
  return 1;
}

}  // namespace

const std::string& BuildId() {
  static const std::string id = [] {
    Search search{reinterpret_cast<uintptr_t>(&BuildId), {}};
    dl_iterate_phdr(Visit, &search);
    return search.id.empty() ? std::string("unknown") : search.id;
  }();
  return id;
}

}  // namespace whet
