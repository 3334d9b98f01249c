// autoreply's record of who was told, as somebody or something may have damaged it: what is read never makes an
// address be told twice, and what is written then is read.
#include "channels/autoreply/told.h"
#include "common/base/file.h"
#include "common/base/path.h"
#include "t/fuzz/frame/scratch.h"
#include "t/fuzz/fuzz.h"

using namespace waxwing;
using namespace waxwing::channels;

FUZZ_TARGET(told) {
  constexpr std::int64_t kNow = 1'800'000'000, kPeriod = 7 * 86400;
  fuzz::Input in(input);
  const std::string user(in.line());
  const auto folder = fuzz::scratch("told");
  const Told told(folder, user, kPeriod);
  const auto path = told.path();
  // One folder, one file in it, whoever the user is.
  MUST(path.starts_with(folder + "/") && path.find("/../") == std::string::npos && !path.ends_with("/."));
  MUST(path.find('/', folder.size() + 4) == std::string::npos && path.find('\0') == std::string::npos);
  MUST(make_directories(parent_directory(path)));
  MUST(replace_file(path, in.rest()));
  MUST(told.may_tell("ann@example.test", kNow));
  MUST(told.note("ann@example.test", kNow));
  const auto again = told.may_tell("ANN@example.test", kNow + 1);
  MUST(again && !*again);
  MUST(remove_tree(path));
}
