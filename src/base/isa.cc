#include "base/isa.h"

#include <unistd.h>

#include <cstring>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#elif defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

namespace whet {
namespace {

#if defined(__x86_64__)
// XGETBV without -mxsave: the caller has checked OSXSAVE.
uint64_t ReadXcr0() {
  uint32_t low;
  uint32_t high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (static_cast<uint64_t>(high) << 32) | low;
}

struct X86Features {
  bool avx2 = false;
  bool avx512 = false;
  bool avx512_vnni = false;
};

X86Features Detect() {
  X86Features features;
  uint32_t eax, ebx, ecx, edx;
  if (!__get_cpuid_count(1, 0, &eax, &ebx, &ecx, &edx)) return features;
  const bool osxsave = ecx & (1u << 27);
  const bool fma = ecx & (1u << 12);
  const bool f16c = ecx & (1u << 29);
  if (!osxsave) return features;
  const uint64_t xcr0 = ReadXcr0();
  const bool ymm = (xcr0 & 0x6) == 0x6;
  const bool zmm = (xcr0 & 0xe6) == 0xe6;
  if (!__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx)) return features;
  features.avx2 = ymm && fma && f16c && (ebx & (1u << 5));
  constexpr uint32_t kAvx512Bits = (1u << 16) | (1u << 17) | (1u << 28) | (1u << 30) | (1u << 31);
  features.avx512 = features.avx2 && zmm && (ebx & kAvx512Bits) == kAvx512Bits;
  features.avx512_vnni = features.avx512 && (ecx & (1u << 11));
  return features;
}

const X86Features& Features() {
  static const X86Features features = Detect();
  return features;
}
#endif

struct CpuBrand {
  char text[49] = "unknown";
  CpuBrand() {
#if defined(__x86_64__)
    uint32_t registers[12];
    if (__get_cpuid_max(0x80000000u, nullptr) < 0x80000004u) return;
    for (uint32_t i = 0; i < 3; ++i) {
      uint32_t* r = registers + 4 * i;
      __get_cpuid(0x80000002u + i, &r[0], &r[1], &r[2], &r[3]);
    }
    std::memcpy(text, registers, 48);
    text[48] = 0;
    for (size_t end = std::strlen(text); end > 0 && text[end - 1] == ' '; --end) text[end - 1] = 0;
#endif
  }
};

constexpr std::string_view kIsaNames[] = {"portable", "avx2", "avx512", "avx512-vnni", "dotprod"};

}  // namespace

std::string_view IsaName(Isa isa) { return kIsaNames[static_cast<size_t>(isa)]; }

std::string_view IsaNames() { return "portable, avx2, avx512, avx512-vnni, dotprod"; }

bool IsaFromName(std::string_view name, Isa* isa) {
  for (size_t i = 0; i < std::size(kIsaNames); ++i) {
    if (kIsaNames[i] == name) {
      *isa = static_cast<Isa>(i);
      return true;
    }
  }
  return false;
}

bool IsaSupported(Isa isa) {
  switch (isa) {
    case Isa::kPortable: return true;
#if defined(__x86_64__)
    case Isa::kAvx2: return Features().avx2;
    case Isa::kAvx512: return Features().avx512;
    case Isa::kAvx512Vnni: return Features().avx512_vnni;
    case Isa::kDotprod: return false;
#else
    case Isa::kAvx2:
    case Isa::kAvx512:
    case Isa::kAvx512Vnni: return false;
#if defined(__aarch64__)
    case Isa::kDotprod: return (::getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0;
#else
    case Isa::kDotprod: return false;
#endif
#endif
  }
  return false;
}

Isa BestIsa() {
  for (Isa isa : {Isa::kDotprod, Isa::kAvx512Vnni, Isa::kAvx512, Isa::kAvx2}) {
    if (IsaSupported(isa)) return isa;
  }
  return Isa::kPortable;
}

std::string_view CpuName() {
  static const CpuBrand brand;
  return brand.text;
}

CacheSizes ReadCacheSizes() {
  const auto size = [](int name, int64_t fallback) {
    const long bytes = ::sysconf(name);
    return bytes > 0 ? static_cast<int64_t>(bytes) : fallback;
  };
  return {size(_SC_LEVEL1_DCACHE_SIZE, 32 << 10), size(_SC_LEVEL2_CACHE_SIZE, 512 << 10),
          size(_SC_LEVEL3_CACHE_SIZE, 4 << 20)};
}

}  // namespace whet
