// Normalizations and softmaxes as exporters spell them.
#include "passes/pass_testing.h"

namespace whet {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::Not;

class RecognizeNormalizationsTest : public PassTest {
 protected:
  Value* Mean(Value* x) { return b.Emit("ReduceMean", {x, b.Ints({-1})}); }
  Value* Centred(Value* x) { return b.Emit("Sub", {x, Mean(x)}); }
  Value* Square(Value* x) { return b.Emit("Mul", {x, x}); }
  // sqrt(mean(squares) + epsilon)
  Value* Root(Value* squares) { return b.Emit("Sqrt", {b.Emit("Add", {Mean(squares), Scalar(1e-5)})}); }
  Value* Inverse(Value* x) { return b.Emit("Reciprocal", {x}); }
  std::vector<std::string> Recognized(Value* y) { return Run(RecognizeNormalizations, y); }
};

TEST_F(RecognizeNormalizationsTest, LayerNormalizationOfPyTorch) {
  Value* x = Input({3, 8});
  Value* centred = Centred(x);
  Value* normal = b.Emit("Div", {centred, Root(b.Emit("Pow", {centred, Scalar(2)}))});
  Value* y = b.Emit("Add", {b.Emit("Mul", {normal, Weights({8})}), Weights({1, 1, 8})});
  // The shift has a dimension more than the result has.
  EXPECT_THAT(Recognized(y), ElementsAre("LayerNormalization", "Add"));
}

TEST_F(RecognizeNormalizationsTest, ScaleAndShiftAreTakenIn) {
  Value* x = Input({2, 3, 8});
  Value* centred = Centred(x);
  Value* normal = b.Emit("Div", {centred, Root(b.Emit("Pow", {centred, Scalar(2)}))});
  EXPECT_THAT(Recognized(b.Emit("Add", {Weights({8}), b.Emit("Mul", {Weights({1, 1, 8}), normal})})),
              ElementsAre("LayerNormalization"));
}

// As the converters of Keras and TFLite have it: the mean subtracted twice, and times the inverse of the
// root.
TEST_F(RecognizeNormalizationsTest, LayerNormalizationByTheInverse) {
  Value* x = Input({2, 3, 8});
  Value* squares = Square(b.Emit("Sub", {Mean(x), x}));
  Value* normal = b.Emit("Mul", {Centred(x), Inverse(Root(squares))});
  EXPECT_THAT(Recognized(b.Emit("Add", {b.Emit("Mul", {normal, Weights({8})}), Weights({8})})),
              ElementsAre("LayerNormalization"));
}

// Keras with its function for batch normalization: the scale goes into the inverse, the mean into the shift.
TEST_F(RecognizeNormalizationsTest, LayerNormalizationInOneProduct) {
  Value* x = Input({2, 3, 8});
  Value* factor = b.Emit("Mul", {Inverse(Root(Square(Centred(x)))), Weights({8})});
  Value* shift = b.Emit("Sub", {Weights({8}), b.Emit("Mul", {Mean(x), factor})});
  EXPECT_THAT(Recognized(b.Emit("Add", {b.Emit("Mul", {x, factor}), shift})),
              ElementsAre("LayerNormalization"));
}

TEST_F(RecognizeNormalizationsTest, ScaleThatIsComputedStaysBehind) {
  Value* x = Input({2, 8});
  Value* centred = Centred(x);
  Value* normal = b.Emit("Div", {centred, Root(Square(centred))});
  EXPECT_THAT(Recognized(b.Emit("Mul", {normal, Input({8})})), ElementsAre("LayerNormalization", "Mul"));
}

TEST_F(RecognizeNormalizationsTest, ScaleOfWhatSomebodyElseReadsStaysBehind) {
  Value* x = Input({2, 8});
  Value* centred = Centred(x);
  Value* normal = b.Emit("Div", {centred, Root(Square(centred))});
  graph.AddOutput(b.Emit("Mul", {normal, Weights({8})}));
  EXPECT_THAT(Recognized(b.Emit("Neg", {normal})), ElementsAre("LayerNormalization", "Mul", "Neg"));
}

// T5, Llama.
TEST_F(RecognizeNormalizationsTest, RootMeanSquare) {
  Value* x = Input({2, 3, 8});
  Value* normal = b.Emit("Mul", {x, Inverse(Root(b.Emit("Pow", {x, Scalar(2)})))});
  EXPECT_THAT(Recognized(b.Emit("Mul", {Weights({8}), normal})), ElementsAre("RMSNormalization"));
  Value* divided = b.Emit("Div", {x, Root(Square(x))});
  EXPECT_THAT(Recognized(b.Emit("Mul", {divided, Weights({8})})),
              ElementsAre("RMSNormalization", "RMSNormalization"));
}

TEST_F(RecognizeNormalizationsTest, LeavesRootsOfSomethingElse) {
  Value* x = Input({2, 8});
  Value* other = Input({2, 8});
  const auto norms = testing::AnyOf(Contains("LayerNormalization"), Contains("RMSNormalization"));
  EXPECT_THAT(Recognized(b.Emit("Div", {Centred(x), Root(Square(Centred(other)))})), Not(norms));
  EXPECT_THAT(Recognized(b.Emit("Div", {x, Root(Square(other))})), Not(norms));
  EXPECT_THAT(Recognized(b.Emit("Div", {Centred(x), Root(Square(x))})), Not(Contains("LayerNormalization")));
}

TEST_F(RecognizeNormalizationsTest, SoftmaxOverAnyDimension) {
  for (const int64_t axis : {-1, 0}) {
    Value* x = Input({3, 8});
    Value* exp = b.Emit("Exp", {b.Emit("Sub", {x, b.Emit("ReduceMax", {x, b.Ints({axis})})})});
    graph.AddOutput(b.Emit("Div", {exp, b.Emit("ReduceSum", {exp, b.Ints({axis})})}));
  }
  Value* exp = b.Emit("Exp", {Input({3, 8})});
  EXPECT_THAT(Recognized(b.Emit("Mul", {Inverse(b.Emit("ReduceSum", {exp, b.Ints({1})})), exp})),
              ElementsAre("Softmax", "Softmax", "Softmax"));
}

// Shifted by the maximum of something else, it is still a softmax, of what is shifted.
TEST_F(RecognizeNormalizationsTest, SoftmaxOfWhatIsShiftedOtherwise) {
  Value* x = Input({3, 8});
  Value* exp = b.Emit("Exp", {b.Emit("Sub", {x, b.Emit("ReduceMax", {x, b.Ints({0})})})});
  EXPECT_THAT(Recognized(b.Emit("Div", {exp, b.Emit("ReduceSum", {exp, b.Ints({1})})})),
              ElementsAre("ReduceMax", "Sub", "Softmax"));
}

TEST_F(RecognizeNormalizationsTest, LeavesASumOverMoreThanOneDimension) {
  Value* exp = b.Emit("Exp", {Input({3, 8})});
  EXPECT_THAT(Recognized(b.Emit("Div", {exp, b.Emit("ReduceSum", {exp, b.Ints({0, 1})})})),
              ElementsAre("Exp", "ReduceSum", "Div"));
}

TEST_F(RecognizeNormalizationsTest, LogarithmOfASoftmax) {
  Value* x = Input({3, 8});
  Value* shifted = b.Emit("Sub", {x, b.Emit("ReduceMax", {x, b.Ints({1})})});
  Value* sum = b.Emit("ReduceSum", {b.Emit("Exp", {shifted}), b.Ints({-1})});
  graph.AddOutput(b.Emit("Sub", {shifted, b.Emit("Log", {sum})}));
  EXPECT_THAT(Recognized(b.Emit("Log", {b.Emit("Softmax", {x}, {{"axis", int64_t{0}}})})),
              ElementsAre("LogSoftmax", "LogSoftmax"));
}

}  // namespace
}  // namespace whet
