// The file config/conversions: what is done with the parts of a message that goes through the conversion channel.
// Man page: conversions(5). The channel program runs it; here it is read and checked.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "mta/config/mappings.h"
#include "mta/config/source.h"

namespace waxwing::mta {

// A pattern as in mappings(5): * and %, case does not count.
class ConversionPattern {
 public:
  static Result<ConversionPattern> compile(std::string_view text);
  bool matches(std::string_view value) const;

 private:
  std::vector<PatternItem> items_;
};

class ConversionEntry {
 public:
  const std::string& where() const { return where_; }      // "conversions:12"
  std::string_view text(const std::string& clause) const;  // name in lower case; "" when it is not there
  bool has(const std::string& clause) const { return clauses_.contains(clause); }
  bool flag(const std::string& clause) const;
  std::int64_t number(const std::string& clause) const;  // 0 when it is not there
  // Whether the clause is not there, or value fits its pattern.
  bool fits(const std::string& clause, std::string_view value) const;
  // n of all the clauses "<family>-n", in order: "in-parameter-name" has in-parameter-name-0 ...
  std::vector<unsigned> numbers(const std::string& family) const;

 private:
  friend class Conversions;
  Result<> add(std::string_view name, std::string value);
  std::string where_;
  std::map<std::string, std::string> clauses_;
  std::map<std::string, ConversionPattern> patterns_;
};

class Conversions {
 public:
  // Errors are appended, each with file, line and mend; warnings tell of entries that do nothing.
  static Conversions parse(const SourceSet& sources, std::string_view file, std::vector<std::string>& errors,
                           std::vector<std::string>& warnings);
  const std::vector<ConversionEntry>& entries() const { return entries_; }
  bool relabels() const { return relabels_; }  // some entry has relabel=1

 private:
  std::vector<ConversionEntry> entries_;
  bool relabels_ = false;
};

}  // namespace waxwing::mta
