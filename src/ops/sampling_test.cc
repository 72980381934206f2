// Resize, GridSample, AffineGrid, RoiAlign, DeformConv, pixel blocks, padding.
#include <gmock/gmock.h>

#include "ops/reference_test_common.h"

namespace whet::ops {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::Pointwise;

const TestTensor kAbsent{{}, {}, DType::kUndefined};

TestTensor Floats(Shape shape, std::vector<double> values) { return {shape, std::move(values), DType::kF32}; }
TestTensor Ints(std::vector<double> values) {
  return {{static_cast<int64_t>(values.size())}, std::move(values), DType::kI64};
}

TEST(Resize, NearestOfHalfPixelsPrefersTheFloor) {
  const auto y = RunOp("Resize", {Floats({1, 2, 1}, {1, 2}), kAbsent, Floats({3}, {1, 2.5, 1})});
  EXPECT_EQ(y[0].shape, (Shape{1, 5, 1}));
  EXPECT_THAT(y[0].values, ElementsAre(1, 1, 1, 2, 2));
}

TEST(Resize, LinearBetweenCorners) {
  const auto y = RunOp(
      "Resize", {Floats({1, 2, 1}, {0, 3}), kAbsent, kAbsent, Ints({1, 4, 1})},
      {{"mode", std::string("linear")}, {"coordinate_transformation_mode", std::string("align_corners")}});
  EXPECT_THAT(y[0].values, Pointwise(DoubleNear(1e-6), {0.0, 1.0, 2.0, 3.0}));
}

TEST(Resize, AntialiasAveragesWhatIsSkipped) {
  const auto y = RunOp("Resize", {Floats({4}, {0, 0, 4, 4}), kAbsent, Floats({1}, {0.5})},
                       {{"mode", std::string("linear")}, {"antialias", int64_t{1}}});
  // Weights 1, 3, 3, 1 over four neighbours, the ends repeated.
  EXPECT_THAT(y[0].values, Pointwise(DoubleNear(1e-6), {0.5, 3.5}));
}

TEST(Resize, OneScaleForAllAxesKeepsTheAspectRatio) {
  const auto y = RunOp("Resize", {Floats({2, 4}, {1, 2, 3, 4, 5, 6, 7, 8}), kAbsent, kAbsent, Ints({6, 6})},
                       {{"keep_aspect_ratio_policy", std::string("not_larger")}});
  EXPECT_EQ(y[0].shape, (Shape{3, 6}));
}

TEST(Resize, SizesOfSomeAxes) {
  const auto y = RunOp("Resize", {Floats({1, 2}, {1, 2}), kAbsent, kAbsent, Ints({4})},
                       {{"axes", std::vector<int64_t>{1}}});
  EXPECT_EQ(y[0].shape, (Shape{1, 4}));
  EXPECT_THAT(y[0].values, ElementsAre(1, 1, 2, 2));
}

TEST(GridSample, ReflectsAtTheBorder) {
  // Of two pixels, a grid of -2 in pixel coordinates is -1.5, mirrored at -0.5 to 0.5.
  const auto y = RunOp("GridSample", {Floats({1, 1, 2, 1}, {10, 20}), Floats({1, 1, 1, 2}, {-2, 0})},
                       {{"padding_mode", std::string("reflection")}});
  EXPECT_THAT(y[0].values, ElementsAre(15));
}

TEST(GridSample, VolumesAreRead) {
  std::vector<double> x = {0, 1, 2, 3, 4, 5, 6, 7};
  const auto y = RunOp("GridSample", {Floats({1, 2, 2, 2, 1}, x), Floats({1, 1, 1, 1, 3}, {0, 0, 0})});
  EXPECT_THAT(y[0].values, ElementsAre(3.5));
}

TEST(AffineGrid, TheIdentityMapsCentresToThemselves) {
  const auto y = RunOp("AffineGrid", {Floats({1, 2, 3}, {1, 0, 0, 0, 1, 0}), Ints({1, 1, 2, 2})});
  EXPECT_EQ(y[0].shape, (Shape{1, 2, 2, 2}));
  EXPECT_THAT(y[0].values, ElementsAre(-0.5, -0.5, 0.5, -0.5, -0.5, 0.5, 0.5, 0.5));
}

TEST(RoiAlign, AveragesSamplesOfARegion) {
  const auto y =
      RunOp("RoiAlign", {Floats({1, 2, 2, 1}, {0, 1, 2, 3}), Floats({1, 4}, {0, 0, 2, 2}), Ints({0})},
            {{"sampling_ratio", int64_t{2}}});
  EXPECT_EQ(y[0].shape, (Shape{1, 1, 1, 1}));
  EXPECT_THAT(y[0].values, Pointwise(DoubleNear(1e-6), {1.5}));
}

TEST(DeformConv, OffsetsMoveWhatIsRead) {
  // A 1x1 kernel of 2 that reads one column to the right; beyond the image there is 0.
  const auto y = RunOp("DeformConv", {Floats({1, 1, 2, 1}, {3, 5}), Floats({1, 1, 1, 1}, {2}),
                                      Floats({1, 1, 2, 2}, {0, 1, 0, 1})});
  EXPECT_THAT(y[0].values, ElementsAre(10, 0));
}

TEST(DepthToSpace, BothOrdersAndTheWayBack) {
  const TestTensor x = Floats({1, 1, 1, 8}, {0, 1, 2, 3, 4, 5, 6, 7});
  const auto depth = RunOp("DepthToSpace", {x}, {{"blocksize", int64_t{2}}});
  EXPECT_EQ(depth[0].shape, (Shape{1, 2, 2, 2}));
  EXPECT_THAT(depth[0].values, ElementsAre(0, 1, 2, 3, 4, 5, 6, 7));
  const auto columns = RunOp("DepthToSpace", {x}, {{"blocksize", int64_t{2}}, {"mode", std::string("CRD")}});
  EXPECT_THAT(columns[0].values, ElementsAre(0, 4, 1, 5, 2, 6, 3, 7));
  EXPECT_EQ(RunOp("SpaceToDepth", {depth[0]}, {{"blocksize", int64_t{2}}})[0].values, x.values);
}

TEST(Pad, ModesAndAxes) {
  const TestTensor x = Floats({1, 3}, {1, 2, 3});
  const auto pad = [&](const char* mode, std::vector<double> pads, TestTensor axes) {
    return RunOp("Pad", {x, Ints(std::move(pads)), kAbsent, std::move(axes)},
                 {{"mode", std::string(mode)}})[0]
        .values;
  };
  EXPECT_THAT(pad("wrap", {0, 2, 0, 1}, kAbsent), ElementsAre(2, 3, 1, 2, 3, 1));
  EXPECT_THAT(pad("reflect", {2, 1}, Ints({-1})), ElementsAre(3, 2, 1, 2, 3, 2));
  EXPECT_THAT(pad("edge", {1, -1}, Ints({1})), ElementsAre(1, 1, 2));
  EXPECT_THAT(pad("constant", {1, 0}, Ints({1})), ElementsAre(0, 1, 2, 3));
}

TEST(MaxUnpool, PutsValuesBackWhereTheyWere) {
  const auto y = RunOp("MaxUnpool", {Floats({1, 2, 1}, {5, 6}), {{1, 2, 1}, {1, 2}, DType::kI64}},
                       {{"kernel_shape", std::vector<int64_t>{2}}, {"strides", std::vector<int64_t>{2}}});
  EXPECT_THAT(y[0].values, ElementsAre(0, 5, 6, 0));
}

}  // namespace
}  // namespace whet::ops
