// The PROXY header in front of a Stream's bytes.
#include "common/base/time.h"
#include "common/net/detail/stream_inner.h"

namespace waxwing {

Task<Result<ProxyHeader>> Stream::take_proxy_header() {
  auto& s = *inner_;
  const auto limit_ms = s.timeout_ms, until_ms = monotonic_ms() + limit_ms;
  std::string taken;
  for (;;) {
    s.timeout_ms = std::max<std::int64_t>(until_ms - monotonic_ms(), 1);
    auto waited = co_await s.wait_for_bytes();
    s.timeout_ms = limit_ms;
    CO_TRY_VOID(waited);
    char bytes[kMostProxyHeaderBytes];
    const auto got = ::recv(s.fd.get(), bytes, sizeof bytes, MSG_PEEK);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) {
      s.may_read = false;
      continue;
    }
    if (got <= 0) co_return temporary(std::string(kStreamClosed));
    const auto before = taken.size();
    taken.append(bytes, static_cast<std::size_t>(got));
    CO_TRY(auto header, parse_proxy_header(taken));
    // While it has no end, all that has come belongs to it.
    const auto ours = header ? header->bytes - before : static_cast<std::size_t>(got);
    if (::recv(s.fd.get(), bytes, ours, 0) != static_cast<ssize_t>(ours))
      co_return temporary(std::string(kStreamClosed));
    s.bytes_in += ours;
    if (header) co_return std::move(*header);
  }
}

}  // namespace waxwing
