#include "mta/address/host_keys.h"

#include <algorithm>

#include "common/base/strings.h"
#include "mta/address/rewrite.h"

namespace waxwing::mta {

HostKeys::HostKeys(std::string_view host, std::size_t most_wild_labels)
    : host_(host), most_wild_(most_wild_labels), literal_(!host.empty() && host[0] == '[') {}

bool HostKeys::next() {
  return literal_ ? next_literal() : next_name();
}

// sc.cs.siroe.edu, *.cs.siroe.edu, .cs.siroe.edu, *.*.siroe.edu, .siroe.edu, *.*.*.edu, .edu, *.*.*.*, .
bool HostKeys::next_name() {
  if (stage_ == 0) {
    ++stage_;
    key_ = host_;
    matched_ = host_;
    unmatched_ = {};
    return true;
  }
  for (;;) {
    const bool wild = stage_++ % 2 == 1;
    if (wild) {
      if (wild_labels_ > 0 && cut_ >= host_.size()) return false;
      const auto dot = host_.find('.', wild_labels_ == 0 ? 0 : cut_ + 1);
      cut_ = dot == host_.npos ? host_.size() : dot;
      ++wild_labels_;
      if (wild_labels_ > most_wild_) continue;
    }
    suffix(wild);
    return true;
  }
}

void HostKeys::suffix(bool wild) {
  key_.clear();
  if (wild)
    for (std::size_t i = 0; i < wild_labels_; ++i) key_ += i == 0 ? "*" : ".*";
  else if (cut_ == host_.size())
    key_ = ".";
  matched_ = host_.substr(cut_);
  unmatched_ = host_.substr(0, cut_);
  key_ += matched_;
}

// [1.2.3.4], [1.2.3.], [1.2.], [1.], [], .
bool HostKeys::next_literal() {
  auto inside = host_.substr(1, host_.size() - (host_.ends_with(']') ? 2 : 1));
  if (stage_ < 0) return false;
  if (stage_++ == 0) {
    key_ = host_;
    matched_ = host_;
    cut_ = inside.size();
    return true;
  }
  unmatched_ = {};
  if (key_ == "[]") {
    stage_ = -1;
    key_ = ".";
    unmatched_ = host_;
    matched_ = literal_rest_ = {};
    return true;
  }
  const bool is_v4 = std::ranges::all_of(inside, [](char c) { return is_digit(c) || c == '.'; });
  const auto dot =
      is_v4 && cut_ > 0 ? inside.rfind('.', cut_ == inside.size() ? cut_ : cut_ - 2) : inside.npos;
  cut_ = dot == inside.npos ? 0 : dot + 1;
  matched_ = inside.substr(0, cut_);
  literal_rest_ = inside.substr(cut_);
  if (cut_ == 0 && istarts_with(literal_rest_, "ipv6:")) literal_rest_.remove_prefix(5);
  key_ = "[" + std::string(matched_) + "]";
  return true;
}

std::vector<std::string> host_keys(std::string_view host, std::size_t most_wild_labels) {
  const auto lowered = to_lower(host);
  HostKeys keys(lowered, most_wild_labels);
  std::vector<std::string> result;
  while (keys.next()) result.push_back(keys.key());
  return result;
}

}  // namespace waxwing::mta
