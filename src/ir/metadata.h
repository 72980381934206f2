// Keys of Graph::metadata that Whet itself reads.
#pragma once

#include <string_view>

namespace whet::metadata {

// How a photograph becomes the first input of rank 3 or 4: the text of data::ImagePreprocess.
inline constexpr std::string_view kImage = "whet.image";
// How a recording becomes the first input: the text of data::AudioPreprocess.
inline constexpr std::string_view kAudio = "whet.audio";
// How outputs become boxes, keypoints or lines: the text of data::DetectorPostprocess.
inline constexpr std::string_view kDetector = "whet.detector";
// Names of the classes, one a line.
inline constexpr std::string_view kLabels = "whet.labels";

}  // namespace whet::metadata
