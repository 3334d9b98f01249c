#include "job_controller/log_rotation.h"

#include "common/base/time.h"
#include "common/log/log.h"
#include "common/net/workers.h"
#include "mta/mail_log/rotate.h"

namespace waxwing::job_controller {

namespace {
constexpr std::int64_t kLookMs = 60000;
}

LogRotation::LogRotation(Daemon& daemon, std::function<std::int64_t()> nights)
    : daemon_(daemon), nights_(std::move(nights)) {
  timer_ = daemon.loop().every(kLookMs, [this] { spawn(look()); });
  spawn(look());
}

Task<void> LogRotation::look() {
  if (looking_) co_return;
  looking_ = true;
  const auto guard = daemon_.session();
  const auto folder = daemon_.config()->path_of("log");
  const auto most = static_cast<std::uint64_t>(daemon_.config()->number("mta.maxmaillogsize"));
  const auto nights = nights_();
  auto rotate = [&] {
    return mta::mail_log::rotate(folder, mta::mail_log::When::day_over, wall_ms(), most, nights);
  };
  auto rotated = co_await daemon_.workers().run(rotate);
  looking_ = false;
  if (!rotated)
    log::Event("mail_log.not_rotated").with("why", rotated.error().text).error();
  else if (*rotated > 0)
    log::Event("mail_log.rotated").with("logs", *rotated).information();
}

}  // namespace waxwing::job_controller
