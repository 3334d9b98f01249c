#include "common/base/failpoint.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <map>
#include <mutex>
#include <set>

#include "common/base/file.h"
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

// The common file of a family of processes; empty: there is none.
std::string common_file;
std::string common_text;  // what it said last
std::set<std::string, std::less<>> noted;

const bool from_environment = [] {
  const char* specification = std::getenv("WAXWING_FAILPOINTS");
  if (specification != nullptr && specification[0] == '/') {
    common_file = specification;
    armed = true;
  } else if (specification != nullptr) {
    arm_failpoints(specification);
  }
  return true;
}();

void parse(std::string_view specification) {
  points.clear();
  for (const auto item : split(specification, ';')) {
    const auto equal = item.find('=');
    if (equal == std::string_view::npos) continue;
    auto name = item.substr(0, equal);
    if (const auto colon = name.find(':'); colon != std::string_view::npos) {
      if (name.substr(0, colon) != program_invocation_short_name) continue;
      name.remove_prefix(colon + 1);
    }
    auto action = item.substr(equal + 1);
    const auto at = action.find('@');
    Point point;
    point.action = std::string(action.substr(0, at));
    if (at != std::string_view::npos) point.at = to_number<unsigned long>(action.substr(at + 1)).value_or(0);
    points[std::string(name)] = point;
  }
}

void note(const char* name) {
  if (!noted.emplace(name).second) return;
  const auto fd = open_file(common_file + ".passed", O_WRONLY | O_CREAT | O_APPEND);
  if (fd) (void)write_all(fd->get(), std::string(program_invocation_short_name) + " " + name + "\n");
}

void look_at_common_file() {
  const auto text = read_file(common_file, 4096);
  if (text.value_or("") == common_text) return;
  common_text = text.value_or("");
  parse(trim(std::string_view(common_text).substr(0, common_text.find('\n'))));
}

// False: somebody else was first. Leaves the lines that follow for the next one.
bool claim_common_file() {
  const auto mine = common_file + "." + std::to_string(::getpid());
  if (::rename(common_file.c_str(), mine.c_str()) != 0) return false;
  ::unlink(mine.c_str());
  if (const auto end = common_text.find('\n'); end + 1 < common_text.size() && end != std::string::npos)
    (void)replace_file(common_file, common_text.substr(end + 1));
  return true;
}

Result<> act(const std::string& name, Point& point) {
  point.passed += 1;
  if (point.at != 0 && point.passed != point.at) return {};
  if (!common_file.empty() && !claim_common_file()) return {};
  if (point.action == "exit") ::_exit(137);
  const int number = point.action == "enospc" ? ENOSPC : EIO;
  return std::unexpected(system_error("failpoint " + name, number));
}
}  // namespace

Result<> failpoint(const char* name) {
  if (!armed.load(std::memory_order_relaxed)) return {};
  const std::lock_guard lock(mutex);
  if (!common_file.empty()) {
    note(name);
    look_at_common_file();
  }
  const auto at = points.find(std::string_view(name));
  return at == points.end() ? Result<>{} : act(name, at->second);
}

void arm_failpoints(const std::string& specification) {
  const std::lock_guard lock(mutex);
  parse(specification);
  armed = !points.empty();
}

}  // namespace waxwing
