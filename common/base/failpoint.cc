#include "common/base/failpoint.h"

#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <map>
#include <mutex>

#include "common/base/strings.h"

namespace waxwing {

namespace {
struct Point {
  std::string action;
  unsigned long at = 0;  // 0: every time
  unsigned long passed = 0;
};

std::atomic<bool> armed{false};
std::mutex mutex;
std::map<std::string, Point, std::less<>> points;

const bool from_environment = [] {
  if (const char* specification = std::getenv("WAXWING_FAILPOINTS")) arm_failpoints(specification);
  return true;
}();

Result<> act(const std::string& name, Point& point) {
  point.passed += 1;
  if (point.at != 0 && point.passed != point.at) return {};
  if (point.action == "exit") ::_exit(137);
  const int number = point.action == "enospc" ? ENOSPC : EIO;
  return std::unexpected(system_error("failpoint " + name, number));
}
}  // namespace

Result<> failpoint(const char* name) {
  if (!armed.load(std::memory_order_relaxed)) return {};
  const std::lock_guard lock(mutex);
  const auto at = points.find(std::string_view(name));
  return at == points.end() ? Result<>{} : act(name, at->second);
}

void arm_failpoints(const std::string& specification) {
  const std::lock_guard lock(mutex);
  points.clear();
  for (const auto item : split(specification, ';')) {
    const auto equal = item.find('=');
    if (equal == std::string_view::npos) continue;
    auto action = item.substr(equal + 1);
    const auto at = action.find('@');
    Point point;
    point.action = std::string(action.substr(0, at));
    if (at != std::string_view::npos) point.at = to_number<unsigned long>(action.substr(at + 1)).value_or(0);
    points[std::string(item.substr(0, equal))] = point;
  }
  armed = !points.empty();
}

}  // namespace waxwing
