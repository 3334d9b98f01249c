// A blocking TCP connection that is read by lines. Failures and a minute of silence throw.
#pragma once

#include <string>
#include <string_view>

#include "common/base/file.h"

namespace waxwing::bench {

class Wire {
 public:
  Wire(const std::string& host, int port);
  void send(std::string_view bytes);
  std::string line();                   // without CRLF
  std::string bytes(std::size_t size);  // exactly so many

 private:
  void fill();
  UniqueFd socket_;
  std::string buffer_;
  std::size_t at_ = 0;
};

}  // namespace waxwing::bench
