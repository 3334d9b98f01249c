// Why an address was refused.
#pragma once

#include <string>

#include "common/base/result.h"

namespace waxwing::mta {

// In SMTP's terms; code is 4xx exactly when fault is temporary.
struct AddressProblem {
  Fault fault = Fault::permanent;
  int code = 550;
  std::string status = "5.1.1";
  std::string text;
  std::string address;  // which one, when it is a member of a group
};

inline AddressProblem problem(int code, std::string status, std::string text) {
  return {code < 500 ? Fault::temporary : Fault::permanent, code, std::move(status), std::move(text), {}};
}

}  // namespace waxwing::mta
