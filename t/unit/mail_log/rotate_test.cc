#include "mta/mail_log/rotate.h"

#include <catch2/catch.hpp>
#include <filesystem>

#include "common/base/file.h"

using namespace waxwing;
using namespace waxwing::mta::mail_log;

namespace {

struct Folder {
  std::string path;
  Folder() {
    char name[] = "/tmp/waxwing-mail-log-XXXXXX";
    path = ::mkdtemp(name);
  }
  ~Folder() { std::filesystem::remove_all(path); }
  void put(const char* name, const std::string& text) { REQUIRE(replace_file(path + "/" + name, text)); }
  std::string get(const char* name) {
    const auto text = read_file(path + "/" + name);
    return text ? *text : "none";
  }
};

constexpr std::int64_t kDayMs = 86400000;
constexpr std::int64_t kNowMs = 1171637653720;  // 2007-02-16 14:54
constexpr const char* kToday = "16-Feb-2007 00:10:00.00 tcp_local ims-ms E 1\n";
constexpr const char* kYesterday = "15-Feb-2007 12:10:00.00 tcp_local ims-ms E 1\n";

}  // namespace

TEST_CASE("a day's log becomes yesterday's, and that the end of the long one") {
  Folder folder;
  CHECK(*rotate(folder.path, When::day_over, kNowMs, 0) == 0);
  folder.put("mail.log_current", kYesterday);
  CHECK(*rotate(folder.path, When::day_over, kNowMs - kDayMs, 0) == 0);
  CHECK(*rotate(folder.path, When::day_over, kNowMs, 0) == 1);
  CHECK(folder.get("mail.log_yesterday") == kYesterday);
  CHECK(folder.get("mail.log_current") == "none");

  folder.put("mail.log_current", kToday);
  CHECK(*rotate(folder.path, When::day_over, kNowMs, 0) == 0);
  CHECK(*rotate(folder.path, When::day_over, kNowMs + kDayMs, 0) == 1);
  CHECK(folder.get("mail.log") == kYesterday);
  CHECK(folder.get("mail.log_yesterday") == kToday);

  folder.put("mail.log_current", "new\n");
  CHECK(*rotate(folder.path, When::now, kNowMs, 0) == 1);
  CHECK(folder.get("mail.log") == std::string(kYesterday) + kToday);
}

TEST_CASE("with more nights between two changes a log goes on") {
  Folder folder;
  folder.put("mail.log_current", kYesterday);
  CHECK(*rotate(folder.path, When::day_over, kNowMs, 0, 3) == 0);
  CHECK(*rotate(folder.path, When::day_over, kNowMs + kDayMs, 0, 3) == 0);
  CHECK(*rotate(folder.path, When::day_over, kNowMs + 2 * kDayMs, 0, 3) == 1);
  folder.put("mail.log_current", kYesterday);
  CHECK(*rotate(folder.path, When::day_over, kNowMs, 0, 0) == 1);  // no number is one night
}

TEST_CASE("the long log is set aside before it grows too large") {
  Folder folder;
  folder.put("mail.log", "old\n");
  folder.put("mail.log_yesterday", kYesterday);
  folder.put("mail.log_current", kToday);
  folder.put("connection.log_current", kToday);
  CHECK(*rotate(folder.path, When::now, kNowMs, 20) == 2);
  CHECK(folder.get("mail.log_old") == "old\n");
  CHECK(folder.get("mail.log") == kYesterday);
  CHECK(folder.get("mail.log_yesterday") == kToday);
  CHECK(folder.get("connection.log_yesterday") == kToday);
}
