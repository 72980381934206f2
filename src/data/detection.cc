#include "data/detection.h"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace whet::data {
namespace {

// The comparison of all pairs stays affordable whatever a model puts out.
constexpr size_t kMaxCandidates = 4096;

Detection WeightedMean(const Detection& best, const std::vector<const Detection*>& group) {
  Detection mean = best;
  mean.box = {};
  for (Point& point : mean.points) point = {};
  float total = 0;
  for (const Detection* member : group) total += member->score;
  if (total <= 0) return best;
  for (const Detection* member : group) {
    const float weight = member->score / total;
    mean.box.left += weight * member->box.left;
    mean.box.top += weight * member->box.top;
    mean.box.right += weight * member->box.right;
    mean.box.bottom += weight * member->box.bottom;
    for (size_t i = 0; i < std::min(mean.points.size(), member->points.size()); ++i) {
      mean.points[i].x += weight * member->points[i].x;
      mean.points[i].y += weight * member->points[i].y;
    }
  }
  return mean;
}

}  // namespace

float Box::Area() const { return right > left && bottom > top ? (right - left) * (bottom - top) : 0; }

float IntersectionOverUnion(const Box& a, const Box& b) {
  const Box both{std::max(a.left, b.left), std::max(a.top, b.top), std::min(a.right, b.right),
                 std::min(a.bottom, b.bottom)};
  const float intersection = both.Area();
  const float either = a.Area() + b.Area() - intersection;
  return either > 0 ? intersection / either : 0;
}

std::vector<Detection> SuppressNonMaxima(std::vector<Detection> detections, Suppression suppression,
                                         float threshold) {
  // Equal scores keep the model's order.
  std::vector<std::pair<float, size_t>> order;
  for (size_t i = 0; i < detections.size(); ++i) order.emplace_back(-detections[i].score, i);
  std::sort(order.begin(), order.end());
  std::vector<Detection> sorted;
  sorted.reserve(detections.size());
  for (const auto& [score, i] : order) sorted.push_back(std::move(detections[i]));
  detections = std::move(sorted);
  if (suppression == Suppression::kNone) return detections;
  if (detections.size() > kMaxCandidates) detections.resize(kMaxCandidates);
  std::vector<Detection> kept;
  std::vector<bool> taken(detections.size());
  std::vector<const Detection*> group;
  for (size_t i = 0; i < detections.size(); ++i) {
    if (taken[i]) continue;
    const Detection& best = detections[i];
    group.assign(1, &best);
    for (size_t j = i + 1; j < detections.size(); ++j) {
      const Detection& other = detections[j];
      if (taken[j] || other.label != best.label) continue;
      if (IntersectionOverUnion(best.box, other.box) <= threshold) continue;
      taken[j] = true;
      group.push_back(&other);
    }
    kept.push_back(suppression == Suppression::kWeighted ? WeightedMean(best, group) : best);
  }
  return kept;
}

}  // namespace whet::data
