// libwhet-agent.so is the archive of this folder, linked whole; a shared library needs a source of its own.
#include "whet/whet_agent.h"
