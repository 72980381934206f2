// A model's test on this very device, through the public C interface: golden inputs give golden outputs
// within their tolerances, and latency and memory stay within the release's budgets. The Plans compiled for
// it are kept for the application's first start.
#pragma once

#include "agent/process/jobs.h"

namespace whet::agent {

// Runs in a process of its own: what it tests may crash or never end. kFailed and kOverBudget are reports; an
// error is of the disk or of files that are not those of a release.
Result<SelfTestReport> RunSelfTest(const SelfTestRequest& request);

}  // namespace whet::agent
