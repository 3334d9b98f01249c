// The message as one peer gets it: the bytes of the queue file, or the 7-bit form of them.
#pragma once

#include <optional>
#include <string>

#include "channels/master/master.h"
#include "channels/tcp_smtp_client/commands.h"
#include "channels/tcp_smtp_client/settings.h"

namespace waxwing::channels::smtp {

class Outgoing {
 public:
  explicit Outgoing(Work& work) : work_(work), body_(work.envelope().body) {}

  // Makes the 7-bit form when the peer needs it; on a worker, for it reads the whole message. A permanent
  // error, with an RFC 3463 status, when the message may not be changed so.
  Task<Result<>> suit(const PeerFeatures& features, const ClientSettings& settings, WorkerPool& workers);

  std::uint64_t size_bytes() const;
  Result<std::string> read(std::uint64_t at, std::size_t most_bytes);  // empty at the end
  const std::string& body() const { return body_; }                    // "8BITMIME", "BINARYMIME" or ""

 private:
  Result<> convert(bool always);
  Work& work_;
  std::string body_;
  std::optional<std::string> text_;
};

}  // namespace waxwing::channels::smtp
