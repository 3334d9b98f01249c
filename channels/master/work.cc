#include <algorithm>
#include <stdexcept>
#include <utility>

#include "channels/master/master.h"
#include "common/base/time.h"

namespace waxwing::channels {

using mta::queue::Status;

Work::Work(mta::queue::Reader reader, std::string host)
    : reader_(std::move(reader)), host_(std::move(host)), moved_ms_(monotonic_ms()) {
  const auto& recipients = reader_.envelope().recipients;
  for (const auto i : reader_.recipients_of(host_))
    if (recipients[i].progress.status == Status::pending) pending_.push_back(i);
  verdicts_.resize(pending_.size());
}

std::size_t Work::place_of(std::size_t recipient) const {
  const auto at = std::ranges::lower_bound(pending_, recipient);
  if (at == pending_.end() || *at != recipient) throw std::out_of_range("a recipient of somebody else's");
  return static_cast<std::size_t>(at - pending_.begin());
}

void Work::set(std::size_t recipient, Kind kind, std::string text, std::string remote_mta) {
  verdicts_.at(place_of(recipient)) = {kind, std::move(text), std::move(remote_mta), false, false, {}};
}

void Work::delivered(std::size_t recipient, std::string text, std::string remote_mta) {
  set(recipient, Kind::delivered, std::move(text), std::move(remote_mta));
}

void Work::delivered_with_dsn(std::size_t recipient, std::string text, std::string remote_mta) {
  set(recipient, Kind::delivered, std::move(text), std::move(remote_mta));
  verdicts_[place_of(recipient)].next_host_reports = true;
}

void Work::queued_as(std::size_t recipient, const std::string& text, const std::string& queue_id) {
  delivered_with_dsn(recipient, text + " as " + queue_id);
  say(recipient, "as", queue_id);
}

void Work::say(std::size_t recipient, const char* field, std::string value) {
  verdicts_.at(place_of(recipient)).fields.emplace_back(field, std::move(value));
}

void Work::failed(std::size_t recipient, std::string text, std::string remote_mta) {
  set(recipient, Kind::failed, std::move(text), std::move(remote_mta));
}

void Work::deferred(std::size_t recipient, std::string text, std::string remote_mta) {
  set(recipient, Kind::deferred, std::move(text), std::move(remote_mta));
}

void Work::defer_rest(const std::string& text, const std::string& remote_mta) {
  for (const auto i : pending_)
    if (verdict(i).kind == Kind::none) deferred(i, text, remote_mta);
}

void Work::fail_rest(const std::string& text, const std::string& remote_mta) {
  for (const auto i : pending_)
    if (verdict(i).kind == Kind::none) failed(i, text, remote_mta);
}

void Work::moved() {
  moved_ms_ = monotonic_ms();
}

void Work::host_is_down(std::string why) {
  host_down_ = std::move(why);
}

}  // namespace waxwing::channels
