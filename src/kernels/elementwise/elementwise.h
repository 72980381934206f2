// Elementwise operators, alone or fused: a short program that is run for every element of the output.
//
// The program is interpreted a block of elements at a time, so that its intermediate values stay in the L1
// cache and the interpretation itself costs nothing. Inputs broadcast to the output's shape by strides of 0;
// a dimension that no operand needs apart is collapsed beforehand, so that a usual operand is dense, a
// scalar, one value per channel (last dimension) or one per row.
//
// Operands: 0 the output, 1 … inputs. The output may be the same buffer as an input that is laid out like it.
// Units: blocks of the output. Scratch: the blocks of intermediate and of spread-out values.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/dtype.h"
#include "base/status.h"
#include "kernels/kernel.h"

namespace whet::kernels::elementwise {

// The numbers are written to plans: append, never renumber. `p` and `q` are the instruction's immediates.
enum class Op : uint8_t {
  // Of one operand.
  kCopy = 0,
  kNeg = 1,
  kAbs = 2,
  kSqrt = 3,
  kRsqrt = 4,  // 1 / sqrt(a), correctly rounded steps, no estimate
  kReciprocal = 5,
  kExp = 6,
  kExpm1 = 7,
  kLog = 8,
  kLog1p = 9,
  kSigmoid = 10,
  kTanh = 11,
  kErf = 12,
  kRelu = 13,
  kLeakyRelu = 14,    // a < 0 ? p a : a
  kClip = 15,         // min(max(a, p), q)
  kHardSwish = 16,    // a * clip(a / 6 + 1/2, 0, 1)
  kHardSigmoid = 17,  // clip(p a + q, 0, 1)
  kSilu = 18,         // a * sigmoid(p a)
  kGelu = 19,         // exact, with erf
  kGeluTanh = 20,     // the approximation with tanh
  kElu = 21,          // a < 0 ? p (e^a - 1) : a
  kSelu = 22,         // q * Elu(a, p)
  kCelu = 23,         // max(0, a) + min(0, p (e^(a/p) - 1))
  kSoftplus = 24,     // log(1 + e^a)
  kSoftsign = 25,     // a / (1 + |a|)
  kMish = 26,         // a * tanh(softplus(a))
  kRound = 27,        // half to even
  kFloor = 28,
  kCeil = 29,
  kTrunc = 30,
  kSign = 31,
  kSquare = 32,
  kSin = 33,
  kCos = 34,
  kNot = 35,  // a == 0 ? 1 : 0
  kIsNan = 36,
  kIsInf = 37,
  kThresholdedRelu = 38,  // a > p ? a : 0
  kAffine = 39,           // p a + q
  // Of two. Comparisons and logic give 1 or 0, and take what is not 0 as true.
  kAdd = 64,
  kSub = 65,
  kMul = 66,
  kDiv = 67,
  kMin = 68,  // NaN if either is
  kMax = 69,
  kPow = 70,
  kPRelu = 71,  // a < 0 ? b a : a
  kLess = 72,
  kLessEqual = 73,
  kGreater = 74,
  kGreaterEqual = 75,
  kEqual = 76,
  kNotEqual = 77,
  kAnd = 78,
  kOr = 79,
  kXor = 80,
  kSquaredDifference = 81,
  kFloorMod = 82,  // the result has b's sign
  kFmod = 83,      // the result has a's sign
  // Of three.
  kWhere = 128,   // a ? b : c
  kMulAdd = 129,  // a b + c
};
// 1, 2, 3; 0 if the number is no operator.
int Arity(Op op);

inline constexpr int kMaxInputs = 8;
inline constexpr int kMaxInstructions = 32;
inline constexpr int kMaxConstants = 16;
inline constexpr int kMaxDims = 6;  // after collapsing

// What an instruction reads. In what the compiler writes, Result(i) is what instruction i gives; Choose turns
// that into a register (a block of scratch), of which there are as few as the lives of the results allow.
constexpr uint8_t Input(int i) { return static_cast<uint8_t>(i); }
constexpr uint8_t Constant(int i) { return static_cast<uint8_t>(kMaxInputs + i); }
inline constexpr uint8_t kFirstRegister = kMaxInputs + kMaxConstants;
constexpr uint8_t Result(int i) { return static_cast<uint8_t>(kFirstRegister + i); }

struct Instruction {
  Op op;
  uint8_t a, b, c;  // those beyond the operator's arity are 0
  uint8_t dst;      // filled by Choose; the last instruction's is not used, it writes the output
  uint8_t unused[3];
  float p, q;
};

// How a block of an operand is had; Choose derives it from the strides.
enum class Access : uint8_t {
  kDense = 0,    // the block is contiguous f32: used where it is
  kScalar = 1,   // one f32 for the whole block
  kChannel = 2,  // f32, the same for every row: spread out in scratch once and used for block after block
  kSpread = 3,   // anything else: spread out in scratch (the output: gathered there), block by block
};

struct Params {
  int32_t dims;  // at least 2; the last two are rows and columns
  int32_t inputs;
  int32_t instructions;
  int32_t registers;
  int64_t block_rows;  // a block is so many rows by so many columns, fewer at the edges
  int64_t block_columns;
  int64_t slot;  // floats in a slot of scratch; one per register, then one per operand that is kChannel or
                 // kSpread
  int64_t size[kMaxDims];
  int64_t stride[1 + kMaxInputs][kMaxDims];  // in elements, of the operands
  DType type[1 + kMaxInputs];                // kF32 or kBool; inputs also kU8 and kI8
  Access access[1 + kMaxInputs];
  uint8_t unused[6];
  float constants[kMaxConstants];
  Instruction program[kMaxInstructions];
};

// The shape and layout of one operand, dimensions as in the output.
struct View {
  DType type;
  std::vector<int64_t> strides;  // in elements; 0 where the operand broadcasts
};

// Fills params for a program over an output of `dims`. Fails if a limit above is exceeded or a type is not
// among those of Params.
Status Choose(Isa isa, std::span<const int64_t> dims, const View& output, std::span<const View> inputs,
              std::span<const float> constants, std::span<const Instruction> program, Params* params,
              Choice* choice);

const char* Validate(const Claim& claim);
void AppendRows(std::vector<const Row*>* rows);

}  // namespace whet::kernels::elementwise
