#include "fleet/delta/diff_models.h"

#include <gtest/gtest.h>

#include "fleet/delta/delta_testing.h"

namespace whet::fleet {
namespace {

TEST(DiffModels, NamesWhatChanged) {
  const TemporaryFolder folder;
  const auto stays = FloatLayer("stays", {100}, Weights(100, 1));
  const auto moved = Weights(200, 2);
  WriteModel(folder / "base", {stays, FloatLayer("changes", {50}, Weights(50, 3)),
                               FloatLayer("old", {10, 20}, moved), FloatLayer("goes", {7}, Weights(7, 4))});
  WriteModel(folder / "result",
             {FloatLayer("new", {10, 20}, moved), FloatLayer("changes", {50}, Weights(50, 5)),
              FloatLayer("comes", {3, 3}, Weights(9, 6)), stays, FloatLayer("also", {5}, Weights(5, 7))},
             {"Relu"});
  const auto difference = DiffModels(folder / "base", folder / "result");
  ASSERT_TRUE(difference.ok()) << difference.status().ToString();
  std::map<std::string, std::string> changes;
  for (const auto& tensor : difference->tensors) changes[tensor.name] = TensorChangeName(tensor.change);
  const std::map<std::string, std::string> expected = {{"stays", "unchanged"}, {"new", "unchanged"},
                                                       {"changes", "changed"}, {"comes", "added"},
                                                       {"also", "added"},      {"goes", "removed"}};
  EXPECT_EQ(changes, expected);
  EXPECT_EQ(difference->tensors[2].shape, (Shape{3, 3}));
  EXPECT_EQ(difference->tensors[2].bytes, 36u);
  EXPECT_EQ(difference->operators_added.at("Relu"), 5u);
  EXPECT_EQ(difference->operators_added.at("Add"), 1u);
  EXPECT_TRUE(difference->operators_removed.empty());

  const auto back = DiffModels(folder / "result", folder / "base");
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->operators_removed.at("Relu"), 5u);
}

TEST(DiffModels, RefusesOtherFiles) {
  const TemporaryFolder folder;
  WriteBytes(folder / "text", Bytes(100, 'x'));
  const auto difference = DiffModels(folder / "text", folder / "text");
  ASSERT_FALSE(difference.ok());
  EXPECT_EQ(difference.status().code(), Code::kBadFile);
}

}  // namespace
}  // namespace whet::fleet
