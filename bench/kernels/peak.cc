#include "peak.h"

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace whet::bench {
namespace {

constexpr int kChains = 12;
constexpr int64_t kRounds = 20000;

using V4 = float __attribute__((vector_size(16)));
using V8 = float __attribute__((vector_size(32)));
using V16 = float __attribute__((vector_size(64)));

// Independent chains of multiply-adds. The empty asm hides from the compiler what it names: equal chains
// would be computed once.
#define WHET_STEP(i) a##i = a##i * x + y;
#define WHET_HIDE(i) __asm__ volatile("" : WHET_REGISTER(a##i));
#define WHET_CHAINS(V)                                                                              \
  V a0{}, a1{}, a2{}, a3{}, a4{}, a5{}, a6{}, a7{}, a8{}, a9{}, a10{}, a11{};                       \
  WHET_HIDE(0)                                                                                      \
  WHET_HIDE(1)                                                                                      \
  WHET_HIDE(2)                                                                                      \
  WHET_HIDE(3)                                                                                      \
  WHET_HIDE(4)                                                                                      \
  WHET_HIDE(5)                                                                                      \
  WHET_HIDE(6) WHET_HIDE(7) WHET_HIDE(8) WHET_HIDE(9) WHET_HIDE(10) WHET_HIDE(11) V x = V{} + 0.5f; \
  V y = V{} + 0.5f;                                                                                 \
  for (int64_t round = 0; round < kRounds; ++round) {                                               \
    __asm__ volatile("" : WHET_REGISTER(x), WHET_REGISTER(y));                                      \
    WHET_STEP(0)                                                                                    \
    WHET_STEP(1)                                                                                    \
    WHET_STEP(2)                                                                                    \
    WHET_STEP(3)                                                                                    \
    WHET_STEP(4)                                                                                    \
    WHET_STEP(5) WHET_STEP(6) WHET_STEP(7) WHET_STEP(8) WHET_STEP(9) WHET_STEP(10) WHET_STEP(11)    \
  }                                                                                                 \
  const V sum = a0 + a1 + a2 + a3 + a4 + a5 + a6 + a7 + a8 + a9 + a10 + a11;                        \
  return sum[0]

#if defined(__x86_64__)
#define WHET_REGISTER(x) "+v"(x)
[[gnu::target("avx512f"), gnu::noinline]] float Chains512() { WHET_CHAINS(V16); }
[[gnu::target("avx2,fma"), gnu::noinline]] float Chains256() { WHET_CHAINS(V8); }
[[gnu::noinline]] float Chains128() { WHET_CHAINS(V4); }
#else
#define WHET_REGISTER(x) "+w"(x)
[[gnu::noinline]] float Chains128() { WHET_CHAINS(V4); }
#endif

#if defined(__x86_64__)
// Independent chains of integer multiply-adds; `step` adds to sum number i.
#define WHET_INTEGER_CHAINS(step)                                                                    \
  for (int64_t round = 0; round < kRounds; ++round) {                                                \
    __asm__ volatile(step(0) step(1) step(2) step(3) step(4) step(5) step(6) step(7) step(8) step(9) \
                         step(10) step(11)::                                                         \
                             : WHET_CLOBBERS);                                                       \
  }                                                                                                  \
  return 0
#define WHET_CLOBBERS \
  "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm13"
#define WHET_PAIRS256(i) "vpmaddwd %%ymm14, %%ymm15, %%ymm13\n vpaddd %%ymm13, %%ymm" #i ", %%ymm" #i "\n"
#define WHET_PAIRS512(i) "vpmaddwd %%zmm14, %%zmm15, %%zmm13\n vpaddd %%zmm13, %%zmm" #i ", %%zmm" #i "\n"
#define WHET_QUADS512(i) "vpdpbusd %%zmm14, %%zmm15, %%zmm" #i "\n"
float IntegerChains256() { WHET_INTEGER_CHAINS(WHET_PAIRS256); }
float IntegerChains512() { WHET_INTEGER_CHAINS(WHET_PAIRS512); }
float IntegerChainsVnni() { WHET_INTEGER_CHAINS(WHET_QUADS512); }
#endif

double Measure(float (*chains)(), int lanes) {
  volatile float sink = 0;
  double best = 0;
  for (int i = 0; i < 300; ++i) {
    const auto start = std::chrono::steady_clock::now();
    sink = sink + chains();
    const std::chrono::duration<double, std::nano> time = std::chrono::steady_clock::now() - start;
    best = std::max(best, 2.0 * kRounds * kChains * lanes / time.count());
  }
  return best;
}

}  // namespace

double PeakGflops(Isa isa) {
#if defined(__x86_64__)
  if (isa == Isa::kAvx512 || isa == Isa::kAvx512Vnni) {
    static const double peak = Measure(Chains512, 16);
    return peak;
  }
  if (isa == Isa::kAvx2) {
    static const double peak = Measure(Chains256, 8);
    return peak;
  }
#endif
  static const double peak = Measure(Chains128, 4);
  return peak;
}

double PeakIntegerGops(Isa isa) {
#if defined(__x86_64__)
  if (isa == Isa::kAvx512Vnni) {
    static const double peak = Measure(IntegerChainsVnni, 64);
    return peak;
  }
  if (isa == Isa::kAvx512) {
    static const double peak = Measure(IntegerChains512, 32);
    return peak;
  }
  if (isa == Isa::kAvx2) {
    static const double peak = Measure(IntegerChains256, 16);
    return peak;
  }
#endif
  return PeakGflops(isa);  // which multiplies as many 32-bit numbers at once
}

}  // namespace whet::bench
