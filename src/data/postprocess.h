// From a detector's output tensors to boxes, keypoints and line segments in the photograph's pixels.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "data/detection.h"
#include "data/npz.h"
#include "data/preprocess.h"

namespace whet::data {

enum class Decoder { kAnchors, kBoxes, kYolo, kHeatmap, kLines };
enum class BoxFormat {
  kCorners,    // left, top, right, bottom
  kCornersYx,  // top, left, bottom, right
  kCenter,     // centre x, centre y, width, height
  kCenterYx,   // centre y, centre x, height, width
};

// Stored with a model and typed on the command line as text, for example (MediaPipe's short-range face
// detector)
//   decode=anchors,boxes=regressors,scores=classificators,strides=8:16,anchors=2:6,keypoints=6,activation=sigmoid,
//   nms=weighted,threshold=0.5,iou=0.3
// Keys, with their defaults:
//   decode=boxes        anchors: one box per anchor, relative to its centre, in pixels of the model's input
//                       boxes: finished boxes and a score per class
//                       yolo: one tensor of [boxes, 4 + classes] or its transpose
//                       heatmap: a probability per pixel; connected pixels become one box (DB text detectors)
//                       lines: at each pixel a score and the offsets of a segment's two ends (M-LSD)
//   boxes= scores=      names of the outputs, several parted by '|' are strung together; not given: the
//   outputs in
//                       the model's order, told apart by their last dimension
//   strides= anchors=   decode=anchors: the grids' strides in input pixels and their anchors per cell
//   format=center       corners | corners_yx | center | center_yx (default of decode=boxes: corners)
//   unit=pixel          pixel | normalized: of the model's input (default of decode=boxes: normalized)
//   keypoints=0         points (x, y) that follow the four numbers of each box
//   activation=none     none | sigmoid: applied to the scores, which are limited to -100 … 100 before
//   objectness=no       yes: decode=yolo with a score of its own before the classes' (to be multiplied)
//   background=-1       a class that means nothing was found; the other classes keep their order
//   threshold=0.5       scores below are dropped
//   iou=0.3 nms=hard    none | hard | weighted
//   unclip=1.5          decode=heatmap: boxes grow by area * unclip / perimeter on each side
//   box_threshold=0.6   decode=heatmap: mean probability within a box
//   min_length=10       decode=lines: in pixels of the map
//   max=100             results at most, best first
struct DetectorPostprocess {
  Decoder decoder = Decoder::kBoxes;
  std::vector<std::string> boxes;
  std::vector<std::string> scores;
  std::vector<int> strides;
  std::vector<int> anchors;
  BoxFormat format = BoxFormat::kCorners;
  bool normalized = true;
  int keypoints = 0;
  bool sigmoid = false;
  bool objectness = false;
  int background = -1;
  float threshold = 0.5f;
  float iou = 0.3f;
  Suppression suppression = Suppression::kHard;
  float unclip = 1.5f;
  float box_threshold = 0.6f;
  float min_length = 10;
  int max = 100;

  static Result<DetectorPostprocess> Parse(std::string_view text);
  // Parse(ToString()) gives the same back.
  std::string ToString() const;
  bool operator==(const DetectorPostprocess&) const = default;
};

// `outputs` hold real numbers (dequantized) of any type. The boxes are clipped to the photograph.
Result<std::vector<Detection>> Decode(const DetectorPostprocess& settings, std::span<const NamedView> outputs,
                                      const ImagePlacement& placement);

}  // namespace whet::data
