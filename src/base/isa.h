// Which instruction sets the machine offers, and which one to use.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace whet {

// Ordered: of one processor's, a larger one includes the smaller ones and is preferred. Numbers are written
// to plans; append, never renumber.
enum class Isa : uint8_t {
  kPortable = 0,    // GCC/Clang vector extensions, any target
  kAvx2 = 1,        // AVX2 + FMA + F16C
  kAvx512 = 2,      // F, BW, CD, DQ, VL
  kAvx512Vnni = 3,  // and VNNI: dot products of bytes
  kDotprod = 4,     // 64-bit Arm with the dot products of Armv8.2
};

// "portable", "avx2", "avx512", "avx512-vnni", "dotprod".
std::string_view IsaName(Isa isa);
// All of them, for messages: "portable, avx2, …".
std::string_view IsaNames();
bool IsaFromName(std::string_view name, Isa* isa);

// By CPUID and by the register state that the operating system saves (XCR0).
bool IsaSupported(Isa isa);
// The largest that is supported.
Isa BestIsa();

// The CPU's brand string, or "unknown"; names the machine in reports and plan caches.
std::string_view CpuName();

// Physical limits the tiling is planned by, per core, bytes. Conservative guesses where the system is silent.
struct CacheSizes {
  int64_t l1d;
  int64_t l2;
  int64_t l3;
};
CacheSizes ReadCacheSizes();

}  // namespace whet
