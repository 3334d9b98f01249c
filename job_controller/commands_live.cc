// What changes the job controller while it runs, until its configuration is read again; and calls for mail.
#include <fmt/format.h>

#include "common/base/strings.h"
#include "common/base/time.h"
#include "common/log/log.h"
#include "job_controller/controller.h"
#include "mta/config/channel_name.h"

namespace waxwing::job_controller {

namespace {

Record error(std::string text) {
  return Record("error").set("text", text);
}

struct ChannelNumber {
  std::string_view option;
  unsigned ChannelPolicy::*field;
  std::int64_t least;
};
constexpr std::int64_t kMostSynchMinutes = 7 * 24 * 60;
constexpr ChannelNumber kChannelNumbers[] = {
    {"thread_depth", &ChannelPolicy::threaddepth, 1},
    {"job_limit", &ChannelPolicy::maxjobs, 1},
    {"files_per_job", &ChannelPolicy::filesperjob, 0},
};

bool is_below(std::string_view host, std::string_view domain) {
  return iequals(host, domain) ||
         (host.size() > domain.size() && host[host.size() - domain.size() - 1] == '.' &&
          iequals(host.substr(host.size() - domain.size()), domain));
}

}  // namespace

ChannelPolicy Controller::policy_of(const std::string& channel) const {
  auto policy = mta::queue::policy_from_config(*mta_config_, channel);
  if (const auto changes = changes_.find(channel); changes != changes_.end())
    for (const auto& row : kChannelNumbers)
      if (const auto at = changes->second.find(std::string(row.option)); at != changes->second.end())
        policy.*row.field = at->second;
  return policy;
}

Record Controller::change_global(std::string_view option, std::string_view value) {
  const auto number = to_number<std::int64_t>(value);
  if (option == "max_messages" && number && *number >= 100)
    config_.max_messages = static_cast<std::size_t>(*number);
  else if (option == "synch_time" && number && *number >= 1 && *number <= kMostSynchMinutes)
    config_.synch_seconds = *number * 60;
  else
    return error(fmt::format("want max_messages of at least 100 or synch_time of 1 to {}, not {}={}",
                             kMostSynchMinutes, printable(option), printable(value)));
  return Record("ok");
}

Record Controller::change_program(const std::string& pattern, std::string_view value) {
  for (auto& section : config_.channels) {
    if (!iequals(section.pattern, pattern)) continue;
    section.master_command = value;
    jobs_.forget_troubles();
    return Record("ok");
  }
  return error("job_controller.cnf has no section [CHANNEL=" + printable(pattern) + "]");
}

Record Controller::change_channel(const std::string& channel, std::string_view option,
                                  std::string_view value) {
  if (mta_config_->channel(channel) == nullptr) return error("no channel " + printable(channel));
  const auto number = to_number<std::int64_t>(value);
  for (const auto& row : kChannelNumbers) {
    if (row.option != option) continue;
    if (!number || *number < row.least || *number > 1'000'000)
      return error(fmt::format("{} is a number of at least {}, not {}", option, row.least, printable(value)));
    changes_[channel][std::string(option)] = static_cast<unsigned>(*number);
    schedule_.reload_policies();
    jobs_.touch(channel);
    return Record("ok");
  }
  return error("no such option of a channel: " + printable(option) +
               "; there are thread_depth, job_limit, files_per_job");
}

// "change scope=global|channel|template name= option= value=".
Record Controller::change(const Record& request) {
  const auto scope = request.get("scope");
  const std::string name(request.get("name")), option = to_lower(request.get("option"));
  auto answer = scope == "global"     ? change_global(option, request.get("value"))
                : scope == "template" ? change_program(name, request.get("value"))
                                      : change_channel(to_lower(name), option, request.get("value"));
  if (answer.is("ok"))
    log::Event("job.changed")
        .with("scope", scope)
        .with("name", name)
        .with("option", option)
        .with("value", request.get("value"))
        .notice();
  return answer;
}

// "call channel= host=": that host's mail; without host the whole channel's; "host=@domain": of the domain and
// all below it.
Record Controller::call(const Record& request) {
  const auto channel = to_lower(request.get("channel"));
  const std::string host(request.get("host"));
  if (!mta::is_channel_name(channel) || mta_config_->channel(channel) == nullptr)
    return error("no channel " + printable(channel) + " in imta.cnf");
  std::size_t units = 0;
  if (host.empty()) {
    units = schedule_.call_all(channel);
  } else if (host.starts_with('@')) {
    for (const auto& name : schedule_.hosts(channel))
      if (is_below(name, std::string_view(host).substr(1))) units += schedule_.call(channel, name);
  } else {
    units = schedule_.call(channel, host);
  }
  log::Event("job.called")
      .with("channel", channel)
      .with("host", host)
      .with("units", static_cast<std::int64_t>(units))
      .with("by", request.get("by"))
      .notice();
  jobs_.forget_trouble(channel);
  jobs_.touch(channel);
  return Record("ok")
      .set("units", static_cast<std::int64_t>(units))
      .set("stopped", schedule_.is_stopped(channel) ? 1 : 0);
}

Record Controller::walk() {
  const auto wrong = schedule_.audit();
  Record answer("ok");
  answer.set("messages", static_cast<std::int64_t>(schedule_.size()));
  constexpr std::size_t kMostTold = 100;
  for (std::size_t i = 0; i < wrong.size() && i < kMostTold; ++i) {
    log::Event("job.books_wrong").with("what", wrong[i]).error();
    answer.set("wrong", wrong[i]);
  }
  return answer;
}

}  // namespace waxwing::job_controller
