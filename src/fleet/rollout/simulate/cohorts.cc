#include "fleet/rollout/cohort.h"
#include "fleet/rollout/simulate/simulated_fleet.h"

namespace whet::fleet {

std::string SimulatedDeviceId(uint64_t index) {
  return Format("device-%08llu", static_cast<unsigned long long>(index));
}

std::vector<uint8_t> FirstStages(const std::string& rollout, uint64_t devices,
                                 const std::vector<double>& stages) {
  std::vector<uint8_t> first(devices);
  for (uint64_t i = 0; i < devices; ++i) {
    const double place = Cohort(rollout, SimulatedDeviceId(i));
    size_t stage = 0;
    while (stage < stages.size() && stages[stage] < 100 && place >= stages[stage] / 100) ++stage;
    first[i] = static_cast<uint8_t>(stage);
  }
  return first;
}

}  // namespace whet::fleet
