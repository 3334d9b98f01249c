// Events: a name and fields, one line each.
//
//   log::Event("smtp.rcpt.reject").with("sid", sid).with("rcpt", address).with("reply", reply).notice();
//
// goes to log/<daemon>.log as
//   2026-11-22T04:10:00.123Z smtpd[4711] notice smtp.rcpt.reject sid=01J... rcpt="a b@c" reply="550 5.1.1
//   ..."
// Every event of a message bears qid (queue id), every event of a session sid: one id finds the whole way.
// Field values are quoted when they need it; control bytes are escaped. Below the level the event costs a
// compare. One write(2) an event, O_APPEND, so several processes may share a file. Thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace waxwing::log {

enum class Level { debug, information, notice, warning, error, critical };

struct Options {
  std::string directory;  // ROOT/log
  std::string program;    // "imapd"
  Level level = Level::information;
  std::uint64_t max_file_bytes = 100 << 20;  // roll over at this size
  std::int64_t max_file_seconds = 86400;     // or this age
  int keep_files = 10;
  std::string syslog_facility;  // empty: none
  bool to_stderr = false;       // also: tools and tests
};
// Before open(), events go to standard error.
void open(const Options& options);
Level parse_level(std::string_view name);  // "notice"; information when unknown
bool enabled(Level level);

class Event {
 public:
  explicit Event(std::string_view name) : name_(name) {}
  Event& with(std::string_view field, std::string_view value);
  Event& with(std::string_view field, std::int64_t value);
  void debug() { emit(Level::debug); }
  void information() { emit(Level::information); }
  void notice() { emit(Level::notice); }
  void warning() { emit(Level::warning); }
  void error() { emit(Level::error); }
  void critical() { emit(Level::critical); }

 private:
  void emit(Level level);
  std::string_view name_;
  std::string fields_;
};

}  // namespace waxwing::log
