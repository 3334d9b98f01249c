#include "mta/address/mapping.h"

#include <optional>

#include "common/base/random.h"
#include "mta/address/ldap_value.h"
#include "mta/address/sequence.h"
#include "mta/address/site_routine.h"

namespace waxwing::mta {
namespace {

using Kind = MapStep::Kind;

constexpr int kMaxApplied = 10000;  // rows that matched in one application, over all passes
constexpr int kMaxRestarts = 20;    // $R, $L
constexpr int kMaxCalls = 20;       // tables calling tables
constexpr std::size_t kMaxOutput = 65536;

enum class Turn { failed, done, next_row };  // of one row

class Application {
 public:
  Application(const Lookup& lookup, const MappingTable& table, const MapFlags& inputs, int depth)
      : lookup_(lookup), table_(table), inputs_(inputs), depth_(depth) {}

  Result<MapResult> run(std::string_view probe) {
    if (depth_ > kMaxCalls) return permanent("mapping tables call each other without end: " + table_.name());
    result_.text = std::string(probe);
    bool once_more = true;
    for (int pass = 0; once_more; ++pass) {
      if (pass > kMaxRestarts)
        return permanent("mapping table " + table_.name() + " starts again and again ($R or $L); mend " +
                         result_.where);
      TRY(once_more, rows());
    }
    return std::move(result_);
  }

 private:
  // One pass over the rows; true when another is asked for.
  Result<bool> rows() {
    restart_ = again_ = false;
    for (const auto& row : table_.rows()) {
      bool gave_up = false;
      if (!match_pattern(row.pattern, result_.text, saved_, &gave_up)) {
        if (gave_up)
          return permanent(row.where + ": pattern is too costly for probe " + printable(result_.text));
        continue;
      }
      if (++applied_ > kMaxApplied)
        return permanent("mapping table " + table_.name() + " does not come to an end: more than " +
                         std::to_string(kMaxApplied) + " rows match one probe, the last at " + row.where);
      TRY(auto turn, apply(row));
      if (turn == Turn::failed) continue;
      if (turn == Turn::done) return restart_;
    }
    return again_;
  }

  Result<Turn> apply(const MapRow& row) {
    say(row);
    const bool again_before = again_;
    output_.clear();
    fallback_.reset();
    fresh_ = {};
    next_ = end_ = false;
    case_ = Kind::keep;
    quote_ = false;
    TRY(auto good, steps(row.steps, output_));
    if (!good) {
      restart_ = false;  // what a failed row asked for is void
      again_ = again_before;
      lookup_.say([&] { return "    row fails"; });
      return Turn::failed;
    }
    // The saved texts point into the probe: it may change only now.
    result_.text = std::move(output_);
    output_ = {};
    result_.matched = true;
    result_.where = row.where;
    result_.flags.set(fresh_);
    if (restart_) return Turn::done;
    return next_ && !end_ ? Turn::next_row : Turn::done;
  }

  void say(const MapRow& row) const {
    lookup_.say([&] {
      return "  " + table_.name() + " row at " + row.where + ": " + row.pattern_text + "  " +
             row.template_text;
    });
  }

  Result<bool> steps(const std::vector<MapStep>& list, std::string& out) {
    for (const auto& step : list) {
      TRY(auto good, one(step, out));
      if (!good) return false;
      if (out.size() > kMaxOutput)
        return permanent("output of mapping table " + table_.name() + " grows too long");
      if (end_ && stop_here_) break;
    }
    return true;
  }

  // False: the row fails.
  Result<bool> one(const MapStep& step, std::string& out) {
    switch (step.kind) {
      case Kind::text:
        out += step.text;
        return true;
      case Kind::saved:
        put(saved(step.number), out);
        return true;
      case Kind::lower:
      case Kind::upper:
      case Kind::keep:
        case_ = step.kind;
        return true;
      case Kind::ldap_quote:
        quote_ = true;
        return true;
      case Kind::next_row:
        next_ = true;
        return true;
      case Kind::again_once:
        next_ = again_ = true;
        return true;
      case Kind::restart:
        restart_ = true;
        return true;
      case Kind::end:
        end_ = true;
        return true;
      case Kind::percent_chance:
        return static_cast<int>(random_u64() % 100) < step.number;
      case Kind::if_set:
        return inputs_.has(step.text[0]);
      case Kind::if_clear:
        return !inputs_.has(step.text[0]);
      case Kind::flag:
        fresh_.set(step.text[0]);
        return true;
      default:
        return call(step, out);
    }
  }

  Result<bool> call(const MapStep& step, std::string& out) {
    std::string argument;
    if (step.kind != Kind::sequence) {
      TRY(auto good, steps(step.inner, argument));
      if (!good) return false;
      quote_ = false;  // what comes back is no part of a filter
    }
    switch (step.kind) {
      case Kind::sequence: {
        TRY(auto number, next_in_sequence(lookup_, step.text, step.inner[0].number, step.inner[1].number,
                                          step.inner[2].number));
        put(number, out);
        return true;
      }
      case Kind::table:
        return other_table(step.text, argument, out);
      case Kind::lookup_failed:
        return (fallback_ = std::move(argument), true);
      case Kind::ldap:
        return found(ldap_value(lookup_, argument), out);
      case Kind::domain_attribute:
        return found(domain_attribute(lookup_, argument, step.text), out);
      case Kind::general:
        return general(argument, out);
      case Kind::site_routine:
        return site_routine(step.text, argument, out);
      default:
        return bug("mapping step without an action");
    }
  }

  // A directory answer into the output. Nothing found: the row fails. Down: $.text. when the row has one.
  Result<bool> found(Result<std::optional<std::string>> answer, std::string& out) {
    if (!answer) {
      if (directory::is_would_block(answer.error()) || answer.error().fault != Fault::temporary || !fallback_)
        return std::unexpected(answer.error());
      out = *fallback_;
      end_ = stop_here_ = true;
      return true;
    }
    if (!*answer) return false;
    put(**answer, out);
    return true;
  }

  // ${key}: what the general database has for it, or the key itself.
  Result<bool> general(const std::string& key, std::string& out) {
    TRY(const auto values, lookup_.config.databases().find(DatabaseId::general, key, lookup_.ask));
    put(values.empty() ? key : values.front(), out);
    return true;
  }

  // What a routine answers is a template again, but one that only says: it came from outside.
  Result<bool> site_routine(const std::string& name, const std::string& argument, std::string& out) {
    const auto answer = call_site_routine(lookup_, name, argument);
    if (!answer || !*answer || (*answer)->find('$') == std::string::npos) return found(answer, out);
    auto said = compile_map_template(**answer, 0);
    if (!said) return wrap(said.error(), "site routine " + name + " answers " + printable(**answer));
    for (const auto& step : *said)
      if (!step.inner.empty() || step.kind == Kind::sequence)
        return permanent("site routine " + name + " answers " + printable(**answer) +
                         ": only text, flags and $0 to $9 may be in it; a $ that is meant is written $$");
    return steps(*said, out);
  }

  Result<bool> other_table(const std::string& name, const std::string& argument, std::string& out) {
    const auto* table = lookup_.config.mappings().table(name);
    if (!table) return false;
    TRY(auto answer, Application(lookup_, *table, inputs_, depth_ + 1).run(argument));
    if (!answer.matched || !answer.flags.has('Y')) return false;
    put(answer.text, out);
    return true;
  }

  std::string_view saved(int number) const {
    const auto at = static_cast<std::size_t>(number);
    return at < saved_.size() ? saved_[at] : std::string_view{};
  }

  void put(std::string_view text, std::string& out) const {
    std::string value = case_ == Kind::lower   ? to_lower(text)
                        : case_ == Kind::upper ? to_upper(text)
                                               : std::string(text);
    out += quote_ ? quote_for_ldap_url(value) : value;
  }

  const Lookup& lookup_;
  const MappingTable& table_;
  const MapFlags& inputs_;
  int depth_;
  MapResult result_;
  std::vector<std::string_view> saved_;
  int applied_ = 0;
  bool restart_ = false, again_ = false;
  // Of the row at hand.
  std::string output_;
  std::optional<std::string> fallback_;
  MapFlags fresh_;
  bool next_ = false, end_ = false, stop_here_ = false, quote_ = false;
  Kind case_ = Kind::keep;
};

}  // namespace

std::string MapFlags::letters() const {
  std::string result;
  for (std::size_t i = 0; i < bits_.size(); ++i)
    if (bits_.test(i)) result += static_cast<char>(i);
  return result;
}

Result<MapResult> apply_mapping(const Lookup& lookup, std::string_view name, std::string_view probe,
                                const MapFlags& inputs) {
  const auto* table = lookup.config.mappings().table(name);
  if (!table) return MapResult{false, std::string(probe), {}, {}};
  return apply_mapping(lookup, *table, probe, inputs);
}

Result<MapResult> apply_mapping(const Lookup& lookup, const MappingTable& table, std::string_view probe,
                                const MapFlags& inputs) {
  lookup.say([&] { return table.name() + " probe: " + std::string(probe); });
  auto result = Application(lookup, table, inputs, 0).run(probe);
  lookup.say([&] {
    if (!result) return "  error: " + result.error().text;
    if (!result->matched) return std::string("  no row matches");
    return "  result: \"" + result->text + "\" flags " +
           (result->flags.any() ? result->flags.letters() : "none");
  });
  return result;
}

}  // namespace waxwing::mta
