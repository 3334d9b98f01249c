#include "mta/config/delivery_template.h"

#include "common/base/strings.h"

namespace waxwing::mta {
namespace {

class Filler {
 public:
  Filler(std::string_view text, const DeliveryValues& values) : text_(text), values_(values) {}

  Result<std::string> run() {
    while (at_ < text_.size()) {
      const char c = text_[at_++];
      if (c != '$')
        out_ += c;
      else
        TRY_VOID(sequence());
    }
    return std::move(out_);
  }

 private:
  Result<> sequence() {
    int number = -1;
    while (at_ < text_.size() && is_digit(text_[at_]))
      number = (number < 0 ? 0 : number % 1000) * 10 + (text_[at_++] - '0');
    if (at_ == text_.size()) return unknown('$');
    const char c = upper(text_[at_++]);
    switch (c) {
      case '\\':
      case '^':
      case '_':
        return (case_ = c, Result<>{});
      case '$':
      case '%':
      case '@':
        return (out_ += c, Result<>{});
      case 'A':
        return put(character(values_.address, number));
      case 'L':
        return put(character(values_.local_part, number));
      case 'M':
        return put(character(values_.uid, number));
      case 'U':
        return put(values_.mailbox);
      case 'D':
        return put(values_.domain);
      case 'H':
        return put(number < 0 ? values_.domain : component(number));
      case 'I':
        return optional("hosted domain", values_.hosted_domain, number);
      case 'S':
        return optional("subaddress", values_.subaddress, number < 0 ? 1 : number);
      case 'F':
        return optional("mailDeliveryFileURL", values_.file, number);
      case 'P':
        return optional("mailProgramDeliveryInfo", values_.program, number);
      case 'O':
        return put(values_.route);
      case 'B':
        return put(values_.user_base_dn);
      case 'C':
      case 'R':
      case 'V':
        return put(values_.base_dn);
      default:
        return unknown(c);
    }
  }

  static std::unexpected<Error> unknown(char c) {
    return permanent(std::string("unknown sequence $") + c +
                     " in a DELIVERY_OPTIONS template; see option.dat(5)");
  }

  // The whole value, or its n-th character from 0.
  static std::string character(const std::string& value, int number) {
    if (number < 0) return value;
    const auto at = static_cast<std::size_t>(number);
    return at < value.size() ? value.substr(at, 1) : "";
  }

  std::string component(int number) const {
    const auto parts = split(values_.domain, '.');
    const auto at = static_cast<std::size_t>(number);
    return at < parts.size() ? std::string(parts[at]) : "";
  }

  // A missing value: number 0 or none fails, 1 is left out, 2 and 3 take the character before it along.
  Result<> optional(const char* what, const std::string& value, int number) {
    if (!value.empty()) return put(value);
    if (number <= 0)
      return permanent(std::string("the entry has no ") + what + ", which its delivery option needs");
    if (number >= 2 && !out_.empty()) out_.pop_back();
    return {};
  }

  Result<> put(const std::string& value) {
    out_ += case_ == '\\' ? to_lower(value) : case_ == '^' ? to_upper(value) : value;
    return {};
  }

  std::string_view text_;
  const DeliveryValues& values_;
  std::size_t at_ = 0;
  char case_ = '_';
  std::string out_;
};

}  // namespace

Result<std::string> fill_delivery_template(std::string_view text, const DeliveryValues& values) {
  return Filler(text, values).run();
}

}  // namespace waxwing::mta
