// What a detector found, and non-maximum suppression.
#pragma once

#include <vector>

namespace whet::data {

struct Point {
  float x = 0;
  float y = 0;
};

struct Box {
  float left = 0;
  float top = 0;
  float right = 0;
  float bottom = 0;

  // 0 for an empty or inverted box.
  float Area() const;
};

float IntersectionOverUnion(const Box& a, const Box& b);

struct Detection {
  Box box;
  float score = 0;
  int label = 0;              // index of the class
  std::vector<Point> points;  // keypoints; the two ends of a line segment
};

enum class Suppression {
  kNone,
  kHard,      // of boxes that overlap by more than the threshold only the best stays
  kWeighted,  // they become one, the mean of their boxes and points weighted by score (MediaPipe)
};

// Best first; boxes of different labels do not suppress each other.
std::vector<Detection> SuppressNonMaxima(std::vector<Detection> detections, Suppression suppression,
                                         float threshold);

}  // namespace whet::data
