#include "common/daemon/line_session.h"

#include "common/base/random.h"

namespace waxwing {

namespace {
constexpr std::int64_t kGoodbyeMs = 10000;
}  // namespace

LineSession::LineSession(const Sessions& sessions, Stream stream, Lines lines)
    : stream_(std::move(stream)), sid_(unique_id()), sessions_(sessions), lines_(lines) {}

void LineSession::stop() {
  if (waiting_ && !half_done()) stream_.interrupt();
}

Task<Result<std::string>> LineSession::next_line(std::size_t max_bytes) {
  waiting_ = true;
  auto line = co_await stream_.read_line(max_bytes, lines_.end);
  waiting_ = false;
  co_return line;
}

Task<void> LineSession::run() {
  const bool opened = co_await open();
  while (opened && !over_) {
    if (server_stops() && !half_done()) {
      say_stopping();
      break;
    }
    auto line = co_await next_line(lines_.max_bytes);
    if (line)
      co_await command(std::move(*line));
    else if (!is_interrupt(line.error()))
      read_failed(line.error());
    if (stream_.pending_output() <= Stream::kHighWater) continue;
    auto flushed = co_await stream_.flush();
    if (!flushed) break;
  }
  stream_.set_timeout_ms(kGoodbyeMs);
  auto flushed = co_await stream_.flush();
  static_cast<void>(flushed);
  log_end();
}

}  // namespace waxwing
