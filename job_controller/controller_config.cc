#include "job_controller/controller_config.h"

#include <fmt/format.h>

#include <array>
#include <functional>
#include <limits>
#include <optional>

#include "common/base/strings.h"

namespace waxwing::job_controller {

namespace {

enum class Where { general, pool, channel, periodic };

// By priority, as in mta::queue::Priority.
constexpr std::array<std::string_view, 3> kWindowOptions = {"nonurgent_delivery", "normal_delivery",
                                                            "urgent_delivery"};

// '*' in the pattern stands for any run of characters.
bool fits(std::string_view pattern, std::string_view name) {
  std::size_t p = 0, n = 0, star = std::string_view::npos, mark = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      mark = n;
    } else if (p < pattern.size() && lower(pattern[p]) == lower(name[n])) {
      ++p, ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++mark;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

// Known, and of no effect: what they ruled is done otherwise here.
struct Idle {
  std::string_view name, why;
};
constexpr std::array kIdle = {
    Idle{"tcp_port", "the job controller listens on the Unix socket run/job_controller"},
    Idle{"interface_address", "the job controller listens on the Unix socket run/job_controller"},
    Idle{"secret", "who may talk to the job controller is ruled by the rights of run/"},
    Idle{"use_nslog", "logging follows log.* of msg.conf"},
    Idle{"debug", "logging follows log.* of msg.conf"},
    Idle{"slave_command", "nothing polls for messages"},
    Idle{"rebuild_in_order", "deliveries go on while the tree is read"},
    Idle{"rebuild_parallel_channel", "deliveries go on while the tree is read"},
    Idle{"anon_host", "hosts are told apart by name"},
    Idle{"max_client_threads", "the option of that name in the channel's option file rules"},
};

class Parser {
 public:
  ControllerConfig config;
  std::vector<std::string> errors;

  Pool default_pool() const { return {"default", default_limit_, default_windows_}; }

  void line(int number, std::string_view text) {
    number_ = number;
    text = trim(text);
    if (text.empty() || text[0] == '!' || text[0] == '#') return;
    if (text[0] == '[') return section(text);
    const auto equal = text.find('=');
    if (equal == std::string_view::npos)
      return error("want option=value or [SECTION=name]: " + printable(text));
    option(to_lower(trim(text.substr(0, equal))), trim(text.substr(equal + 1)));
  }

 private:
  void error(const std::string& what) {
    errors.push_back(fmt::format("job_controller.cnf:{}: {}", number_, what));
  }

  void section(std::string_view text) {
    where_ = std::nullopt;
    const auto equal = text.find('=');
    if (text.back() != ']' || equal == std::string_view::npos)
      return error("want [POOL=name] or [CHANNEL=name]: " + printable(text));
    const auto kind = trim(text.substr(1, equal - 1));
    const std::string name = to_lower(trim(text.substr(equal + 1, text.size() - equal - 2)));
    if (name.empty()) return error("a section without a name");
    if (iequals(kind, "POOL")) {
      for (const auto& pool : config.pools)
        if (pool.name == name) return error("pool " + name + " is there twice");
      config.pools.push_back(default_pool());
      config.pools.back().name = name;
      where_ = Where::pool;
    } else if (iequals(kind, "CHANNEL")) {
      auto section = default_channel_;
      section.pattern = name;
      config.channels.push_back(std::move(section));
      where_ = Where::channel;
    } else if (iequals(kind, "PERIODIC_JOB")) {
      config.periodic_jobs.push_back({name, "", {}});
      where_ = Where::periodic;
    } else {
      return error("unknown section " + printable(kind) + ": want POOL, CHANNEL or PERIODIC_JOB");
    }
  }

  void option(const std::string& name, std::string_view value) {
    if (!where_) return;  // the section's own line has been complained about
    for (const auto& row : kIdle)
      if (row.name == name) {
        config.warnings.push_back(
            fmt::format("job_controller.cnf:{}: {} has no effect: {}", number_, to_upper(name), row.why));
        return;
      }
    const bool anywhere = where_ == Where::general;
    const bool known = (anywhere && general(name, value)) ||
                       ((anywhere || where_ == Where::pool) && pool(name, value)) ||
                       ((anywhere || where_ == Where::channel) && channel(name, value)) ||
                       (where_ == Where::periodic && periodic(name, value));
    if (!known)
      error(fmt::format("unknown option {}{}", printable(to_upper(name)),
                        where_ == Where::general ? "" : " in this section"));
  }

  template <class T>
  void number(T& target, std::string_view value, std::int64_t least) {
    const auto parsed = to_number<std::int64_t>(value);
    if (!parsed || *parsed < least || *parsed > std::numeric_limits<std::int32_t>::max())
      return error(fmt::format("want a number of at least {}: {}", least, printable(value)));
    target = static_cast<T>(*parsed);
  }

  bool general(std::string_view name, std::string_view value) {
    if (name == "max_messages") return number(config.max_messages, value, 100), true;
    if (name != "synch_time") return false;
    std::int64_t minutes = config.synch_seconds / 60;
    number(minutes, value, 1);
    config.synch_seconds = minutes * 60;
    return true;
  }

  bool pool(std::string_view name, std::string_view value) {
    for (std::size_t p = 0; p < kWindowOptions.size(); ++p) {
      if (name != kWindowOptions[p]) continue;
      auto window = DeliveryWindow::parse(value);
      if (!window) return error(window.error().text), true;
      (where_ == Where::pool ? config.pools.back().windows : default_windows_)[p] = std::move(*window);
      return true;
    }
    if (name != "job_limit") return false;
    number(where_ == Where::pool ? config.pools.back().job_limit : default_limit_, value, 1);
    return true;
  }

  bool periodic(std::string_view name, std::string_view value) {
    auto& job = config.periodic_jobs.back();
    if (name == "command") return job.command = value, true;
    if (name != "time") return false;
    auto times = DailyTimes::parse(value);
    if (times)
      job.times = *times;
    else
      error(times.error().text);
    return true;
  }

  bool channel(std::string_view name, std::string_view value) {
    auto& target = where_ == Where::channel ? config.channels.back() : default_channel_;
    if (name == "master_command") return target.master_command = value, true;
    if (name == "max_life_age") return number(target.max_life_seconds, value, 1), true;
    if (name == "max_life_conns") return number(target.max_life_messages, value, 1), true;
    if (name == "max_idle_time") return number(target.max_idle_seconds, value, 1), true;
    return false;
  }

  int number_ = 0;
  std::optional<Where> where_ = Where::general;
  unsigned default_limit_ = 10;
  std::array<DeliveryWindow, 3> default_windows_;
  ChannelSection default_channel_;
};

}  // namespace

Result<ControllerConfig> ControllerConfig::parse(std::string_view text) {
  Parser parser;
  int number = 0;
  while (!text.empty()) parser.line(++number, take_until(text, '\n'));
  for (const auto& job : parser.config.periodic_jobs)
    if (job.command.empty() || !job.times.ever())
      parser.errors.push_back("job_controller.cnf: [PERIODIC_JOB=" + job.name + "] needs COMMAND and TIME");
  if (!parser.errors.empty()) return permanent(join(parser.errors, "\n"));
  if (parser.config.pools.empty()) parser.config.pools.push_back(parser.default_pool());
  return std::move(parser.config);
}

const ChannelSection* ControllerConfig::section(std::string_view channel) const {
  for (const auto& row : channels)
    if (iequals(row.pattern, channel)) return &row;
  for (const auto& row : channels)
    if (fits(row.pattern, channel)) return &row;
  return nullptr;
}

const Pool& ControllerConfig::pool(std::string_view name) const {
  for (const auto& row : pools)
    if (iequals(row.name, name)) return row;
  return pools.front();
}

}  // namespace waxwing::job_controller
