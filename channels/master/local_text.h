// A queued message in local form (local_form.h), a piece at a time: what pipe and native hand on.
#pragma once

#include <cstdint>
#include <string>

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

}  // namespace waxwing::channels
