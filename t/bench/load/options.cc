#include "t/bench/load/options.h"

#include <fmt/format.h>

#include <stdexcept>

#include "common/base/strings.h"

namespace waxwing::bench {

namespace {
struct Row {
  const char* name;
  const char* fallback;
  const char* help;
};
constexpr Row kRows[] = {
    {"host", "127.0.0.1", "server"},
    {"port", "0", "port of the protocol that the workload speaks"},
    {"imap", "0", "IMAP port, for workloads that look whether mail has arrived"},
    {"user", "user%04d@example.test", "login names and local recipients"},
    {"pass", "pass%04d", "passwords"},
    {"first", "1", "number of the first user"},
    {"users", "200", "how many users are taken in turn"},
    {"rcpt", "", "pattern of the recipients; empty: that of the users"},
    {"rcpts", "1", "recipients of a message"},
    {"conns", "20", "connections at once"},
    {"perconn", "1", "messages (or operations) on one connection; 0: it is never closed"},
    {"seconds", "4", "length of the run"},
    {"count", "0", "ends after so many operations instead; 0: by time only"},
    {"size", "4096", "bytes of a message"},
    {"box", "INBOX", "mailbox the workload uses"},
    {"rules", "0", "rewrite rules besides those of the instance"},
    {"command", "NOOP", "IMAP command to repeat"},
    {"root", "", "instance whose processes are the server's, for its CPU"},
    {"disk", "", "block device whose flushes are counted: vda"},
    {"w", "-", "workload's name in the answer"},
    {"figure", "-", "figure's name in the answer"},
};

const Row& row(const std::string& name) {
  for (const auto& each : kRows)
    if (name == each.name) return each;
  throw std::runtime_error("no option " + name + "; there are:\n" + Options::describe());
}
}  // namespace

Options Options::parse(int argc, char** argv, int first) {
  Options options;
  for (int i = first; i < argc; ++i) {
    const std::string word = argv[i];
    const auto equals = word.find('=');
    if (equals == std::string::npos) throw std::runtime_error("name=value expected, found " + word);
    options.given_[row(word.substr(0, equals)).name] = word.substr(equals + 1);
  }
  return options;
}

std::string Options::text(const std::string& name) const {
  const auto at = given_.find(name);
  return at != given_.end() ? at->second : row(name).fallback;
}

std::int64_t Options::number(const std::string& name) const {
  const auto value = text(name);
  const auto number = to_number<std::int64_t>(value);
  if (!number) throw std::runtime_error(name + " takes a number, found \"" + value + "\"");
  return *number;
}

std::string Options::describe() {
  std::string text;
  for (const auto& each : kRows)
    text += fmt::format("  {:<8} {} [{}]\n", each.name, each.help, each.fallback);
  return text;
}

std::string with_number(const std::string& pattern, std::int64_t number) {
  const auto percent = pattern.find('%');
  const auto d = percent == std::string::npos ? percent : pattern.find('d', percent);
  if (d == std::string::npos) return pattern;
  const auto width =
      to_number<int>(std::string_view(pattern).substr(percent + 1, d - percent - 1)).value_or(0);
  return pattern.substr(0, percent) + fmt::format("{:0{}}", number, width) + pattern.substr(d + 1);
}

}  // namespace waxwing::bench
