// The names that writer and reader of a Report's OTLP form share: docs/fleet.md, "Telemetry".
#pragma once

namespace whet::fleet {

inline constexpr char kServiceName[] = "whet-agent";

inline constexpr char kLatency[] = "whet.inference.latency";
inline constexpr char kErrors[] = "whet.inference.errors";
inline constexpr char kCrashes[] = "whet.model.crashes";
inline constexpr char kMemory[] = "whet.model.memory";
inline constexpr char kEnergy[] = "whet.inference.energy";
inline constexpr char kDrift[] = "whet.input.drift";
inline constexpr char kConfidence[] = "whet.output.confidence";
inline constexpr char kLabelledCorrect[] = "whet.labelled.correct";
inline constexpr char kLabelledTotal[] = "whet.labelled.total";
inline constexpr char kInstall[] = "whet.install";
inline constexpr char kHealth[] = "whet.health";
inline constexpr char kActive[] = "whet.active";

inline constexpr char kOutcome[] = "whet.outcome";

inline constexpr int kDeltaTemporality = 1;

}  // namespace whet::fleet
