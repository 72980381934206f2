// The instruction sets that the build compiles *_isa.cc files for (CMakeLists.txt of this folder agrees), so
// that a family declares its functions and writes its table once.
//
//   #define DECLARE(ns, isa) namespace ns { void MaxPoolF32(const Args&, int64_t, int64_t); }
//   WHET_FOR_EACH_ISA(DECLARE)
//
// `ns` is the namespace that holds the functions, `isa` the enumerator of whet::Isa. Sources named
// *_dot_isa.cc are also compiled for instruction sets that only add dot products of bytes:
// WHET_FOR_EACH_DOT_ISA.
#pragma once

#if defined(__x86_64__) || defined(_M_X64)
#define WHET_FOR_EACH_ISA(X) X(portable, kPortable) X(avx2, kAvx2) X(avx512, kAvx512)
#define WHET_FOR_EACH_DOT_ISA(X) WHET_FOR_EACH_ISA(X) X(avx512_vnni, kAvx512Vnni)
#elif defined(__aarch64__)
#define WHET_FOR_EACH_ISA(X) X(portable, kPortable)
#define WHET_FOR_EACH_DOT_ISA(X) X(portable, kPortable) X(dotprod, kDotprod)
#else
#define WHET_FOR_EACH_ISA(X) X(portable, kPortable)
#define WHET_FOR_EACH_DOT_ISA(X) X(portable, kPortable)
#endif
