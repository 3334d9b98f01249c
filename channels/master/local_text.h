// A queued message in local form (local_form.h), a piece at a time: what pipe and native hand on.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "channels/master/local_form.h"
#include "common/base/result.h"
#include "mta/queue/reader.h"

namespace waxwing::channels {

class LocalText {
 public:
  // head: header lines in front of the message, with LF; may be empty. message outlives this.
  LocalText(const mta::queue::Reader& message, std::string head);
  // "" at the end. Blocks while the disk answers.
  Result<std::string> next();

 private:
  const mta::queue::Reader& message_;
  std::string head_;
  std::uint64_t at_ = 0;
  LocalForm form_;
};

// "Return-Path: <...>" for the last hop.
std::string return_path_line(const std::string& sender);
// "Original-Recipient: rfc822;a@b" and `end` (RFC 8098 §2.3), for the program that answers a request for a disposition
// notification; "" when the message makes none, or no original address is known.
std::string original_recipient_line(const mta::queue::Reader& message, std::size_t recipient,
                                    std::string_view end);

}  // namespace waxwing::channels
