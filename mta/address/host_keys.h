// The keys under which a host is looked up among the rewrite rules, one after the other.
#pragma once

#include <string>
#include <string_view>

namespace waxwing::mta {

class HostKeys {
 public:
  // host must be lower case and outlive this.
  HostKeys(std::string_view host, std::size_t most_wild_labels);
  // The next key, or false at the end.
  bool next();
  const std::string& key() const { return key_; }
  // Of the host as given: what the key left open, what it fixed, and the open part of a literal.
  std::string_view unmatched() const { return unmatched_; }
  std::string_view matched() const { return matched_; }
  std::string_view literal_rest() const { return literal_rest_; }

 private:
  bool next_name();
  bool next_literal();
  void suffix(bool wild);

  std::string_view host_;
  std::size_t most_wild_;
  bool literal_;
  int stage_ = 0;        // names: 0 exact, then two for each label cut off
  std::size_t cut_ = 0;  // where the fixed part begins (at its dot)
  std::size_t wild_labels_ = 0;
  std::string key_;
  std::string_view unmatched_, matched_, literal_rest_;
};

}  // namespace waxwing::mta
