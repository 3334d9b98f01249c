// DELIVERY_OPTIONS of option.dat: what each value of mailDeliveryOption turns an entry into.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace waxwing::mta {

struct DeliveryOption {
  std::string name;                                                           // "mailbox", lower case
  bool users = false, groups = false;                                         // * and &; neither: both
  bool even_off_host = false;                                                 // #
  bool hold = false;                                                          // /
  bool offline = false;                                                       // @
  bool expand_later = false;                                                  // $
  bool vacation_dates = false;                                                // ^
  bool autoreply = false;                                                     // !
  enum class Target { address, members, forwards } target = Target::address;  // template, "*", "**"
  std::string address_template;
};

class DeliveryOptions {
 public:
  static Result<DeliveryOptions> parse(std::string_view text);
  const DeliveryOption* find(std::string_view name) const;
  const std::vector<DeliveryOption>& all() const { return options_; }

 private:
  std::vector<DeliveryOption> options_;
};

}  // namespace waxwing::mta
