// The instruction sets that the build compiles *_isa.cc files for (CMakeLists.txt of this folder agrees), so
// that a family declares its functions and writes its table once.
//
//   #define DECLARE(ns, isa) namespace ns { void MaxPoolF32(const Args&, int64_t, int64_t); }
//   WHET_FOR_EACH_ISA(DECLARE)
//
// `ns` is the namespace that holds the functions, `isa` the enumerator of whet::Isa.
#pragma once

#if defined(__x86_64__) || defined(_M_X64)
#define WHET_FOR_EACH_ISA(X) X(portable, kPortable) X(avx2, kAvx2) X(avx512, kAvx512)
#else
#define WHET_FOR_EACH_ISA(X) X(portable, kPortable)
#endif
