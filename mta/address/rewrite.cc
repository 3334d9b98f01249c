#include "mta/address/rewrite.h"

#include <algorithm>

#include "common/mail/address.h"
#include "common/mail/idn.h"
#include "mta/address/host_keys.h"
#include "mta/address/rule_expander.h"

namespace waxwing::mta {
namespace {

using Outcome = std::expected<Rewritten, AddressProblem>;
using Origin = RewriteRequest::Origin;

constexpr int kMaxRounds = 30;
constexpr int kRoundsUntold = 15;  // what comes later is part of a loop
constexpr std::size_t kMaxHost = 1024;

class Rewriter {
 public:
  Rewriter(const Lookup& lookup, RewriteRequest request) : lookup_(lookup), now_(std::move(request)) {}

  Result<Outcome> run() {
    for (round_ = 0; round_ < kMaxRounds; ++round_) {
      TRY(auto outcome, one_round());
      if (outcome == Round::done) return finish();
      if (outcome == Round::failed) return unroutable();
    }
    return Outcome(std::unexpected(problem(550, "5.4.6",
                                           "rewriting of " + address() +
                                               " does not come to an end; rules that lead to each other: " +
                                               printable(join(loop_, ", "), 600))));
  }

 private:
  enum class Round { again, done, failed };

  const std::string& host() const { return now_.route.empty() ? now_.domain : now_.route.front(); }
  std::string address() const { return printable(mail::format_addr_spec(now_.local, now_.domain)); }

  // Rules, channels, directory and DNS know a host by its A-labels. In a header people read it: there a domain that no
  // rule changes keeps its form. False when the host is no domain name.
  bool to_ascii_name() {
    auto& name = now_.route.empty() ? now_.domain : now_.route.front();
    if (mail::is_ascii(name)) return true;
    auto ascii = mail::to_a_labels(name);
    if (!ascii) {
      error_ = printable(name, 260) + " is no domain name (RFC 5891)";
      error_code_ = 553;
      return false;
    }
    if (!now_.envelope && now_.route.empty()) header_domain_ = std::move(name), header_name_ = *ascii;
    name = std::move(*ascii);
    return true;
  }

  Result<Round> one_round() {
    if (host().empty() || host().size() > kMaxHost || !to_ascii_name()) return Round::failed;
    lookup_.say([&] {
      return "Rewriting " + address() + ": host " + host() + (tag_.empty() ? "" : ", tag " + tag_);
    });
    match_.local = now_.local;
    host_text_ = host();
    match_.host = host_text_;
    match_.origin = now_.route.empty() ? now_.origin : Origin::route;
    for (const auto* all : {"$*", "$%", "$!"}) {
      if (all[1] != '*' && now_.local.find(all[1]) == std::string::npos) continue;
      match_.matched = match_.literal_rest = {};
      match_.unmatched = host_text_;
      TRY(auto round, rules(all));
      if (round) return *round;
    }
    TRY(auto round, scan());
    if (round) return *round;
    if (now_.tags_route) {
      channel_ = lookup_.config.channel_of_host(host());
      if (channel_) return arrived();
    }
    return Round::failed;
  }

  Result<std::optional<Round>> scan() {
    const auto lowered = to_lower(host_text_);
    HostKeys keys(lowered, lookup_.config.rules().most_wild_labels());
    // Views of the lower-cased host, moved onto the host as it is spelt: case is kept in the result.
    const auto spelt = [&](std::string_view view) {
      if (view.empty()) return std::string_view{};
      return std::string_view(host_text_)
          .substr(static_cast<std::size_t>(view.data() - lowered.data()), view.size());
    };
    while (keys.next()) {
      match_.matched = spelt(keys.matched());
      match_.unmatched = spelt(keys.unmatched());
      match_.literal_rest = spelt(keys.literal_rest());
      TRY(auto round, rules(keys.key()));
      if (round) return round;
    }
    return std::nullopt;
  }

  // Tries the rules of one key, those of the configuration and then those of the domain database; nothing when
  // none of them applied.
  Result<std::optional<Round>> rules(std::string_view key) {
    const auto& set = lookup_.config.rules();
    const auto found = tag_.empty() ? set.find(key) : set.find(to_lower(tag_).append(key));
    for (const auto& rule : found) {
      TRY(auto round, try_rule(rule));
      if (round) return round;
    }
    if (!lookup_.config.databases().has(DatabaseId::domain) || key.find('*') != key.npos) return std::nullopt;
    return database_rules(to_lower(tag_).append(key));
  }

  Result<std::optional<Round>> database_rules(const std::string& pattern) {
    if (!lookup_.config.options().flag(Opt::USE_DOMAIN_DATABASE)) return std::nullopt;
    TRY(const auto templates, lookup_.config.databases().find(DatabaseId::domain, pattern, lookup_.ask));
    for (const auto& text : templates) {
      RewriteRule rule{pattern, text, "domain database, " + pattern, {}};
      auto steps = compile_rule_template(text);
      if (!steps) return std::unexpected(with_rule(steps.error(), rule));
      rule.steps = std::move(*steps);
      TRY(auto round, try_rule(rule));
      if (round) return round;
    }
    return std::nullopt;
  }

  Result<std::optional<Round>> try_rule(const RewriteRule& rule) {
    lookup_.say([&] { return "  rule " + rule.pattern + "  " + rule.source + "  (" + rule.where + ")"; });
    RuleExpander expander(lookup_, now_, match_);
    spare_.clear();
    expander.text.swap(spare_);
    auto applies = expander.run(rule.steps);
    if (!applies && expander.domain_failed && lookup_.config.domain_failure() &&
        &rule != lookup_.config.domain_failure()) {
      lookup_.say([&] { return "    the directory cannot be asked: " + applies.error().text; });
      TRY(auto round, try_rule(*lookup_.config.domain_failure()));
      if (round) return round;
    }
    if (!applies) return std::unexpected(with_rule(applies.error(), rule));
    if (expander.error) error_ = std::move(expander.error), error_code_ = expander.error_code;
    if (!*applies) {
      expander.text.swap(spare_);
      lookup_.say([&] { return "    fails" + (expander.why.empty() ? "" : ": " + expander.why); });
      if (expander.routing_host.empty() || !now_.route.empty()) return std::nullopt;
      lookup_.say([&] { return "  goes to its routing host " + expander.routing_host; });
      now_.route.push_back(std::move(expander.routing_host));
      return Round::again;
    }
    if (expander.tag) tag_ = *expander.tag;
    if (expander.text.empty()) {
      if (expander.error) return Round::failed;
      return std::nullopt;  // only controls: nothing was said about the address
    }
    if (round_ >= kRoundsUntold) tell_rule(rule);
    TRY(auto round, take(expander, rule));
    return round;
  }

  // The rules of a loop, each once, in the order in which they follow each other.
  void tell_rule(const RewriteRule& rule) {
    auto text = rule.pattern + " (" + rule.where + ")";
    if (std::ranges::find(loop_, text) == loop_.end()) loop_.push_back(std::move(text));
  }

  static Error with_rule(Error error, const RewriteRule& rule) {
    if (!directory::is_would_block(error)) error.text = rule.where + ": " + error.text;
    return error;
  }

  // A%B, A%B@C, A@B, A@B@C, A@B@C@D.
  Result<Round> take(const RuleExpander& out, const RewriteRule& rule) {
    std::vector<std::size_t> ats;
    ats.reserve(out.marks.size());
    std::optional<std::size_t> percent;
    for (const auto mark : out.marks) {
      if (out.text[mark] == '@')
        ats.push_back(mark);
      else if (ats.empty())
        percent = mark;
    }
    const std::string_view text = out.text;
    const auto piece = [&](std::size_t i) {
      const auto begin = ats[i] + 1;
      return text.substr(begin, (i + 1 < ats.size() ? ats[i + 1] : text.size()) - begin);
    };
    lookup_.say([&] { return "    gives " + out.text; });
    if (ats.empty() && !percent) return bad_template(rule, "gives no host");
    if (ats.size() > 3 || (percent && ats.size() > 1)) return bad_template(rule, "has too many @");
    if (ats.empty()) {
      set_address(text.substr(0, *percent), text.substr(*percent + 1));
      return Round::again;
    }
    if (percent)
      set_address(text.substr(0, *percent), text.substr(*percent + 1, ats[0] - *percent - 1));
    else
      set_address(text.substr(0, ats[0]), piece(0));
    if (ats.size() >= 2) now_.route.insert(now_.route.begin(), std::string(piece(1)));
    if (host().empty()) return bad_template(rule, "gives no host");
    const auto tag = piece(ats.size() - 1);
    channel_ = lookup_.config.channel_of_host(tag);
    if (!channel_ && error_) return Round::failed;
    if (!channel_) return bad_template(rule, "routes to " + printable(tag) + ", the host name of no channel");
    return arrived();
  }

  static std::unexpected<Error> bad_template(const RewriteRule& rule, const std::string& what) {
    return permanent(rule.where + ": template " + rule.source + " " + what);
  }

  // While a source route is worked on, the host that is rewritten is the route's first; the address stays.
  void set_address(std::string_view local, std::string_view host) {
    if (now_.route.empty()) {
      now_.local = std::string(local);
      now_.domain = std::string(host);
    } else {
      now_.route.front() = std::string(host);
    }
  }

  // A channel is found. On the local channel, what is behind a route or a percent sign comes next.
  Result<Round> arrived() {
    lookup_.say([&] { return "  channel " + channel_->name(); });
    if (channel_->is(Kw::routelocal) && now_.route.empty() && take_hidden_host()) return Round::again;
    if (channel_->name() != "l") return Round::done;
    if (!now_.route.empty() && lookup_.config.is_local_host(now_.route.front())) {
      now_.route.erase(now_.route.begin());
      now_.origin = Origin::at;
      return Round::again;
    }
    return lookup_.config.is_local_host(now_.domain) && take_hidden_host() ? Round::again : Round::done;
  }

  bool has_keyword(Kw keyword) const { return now_.source && now_.source->is(keyword); }

  // A%B@here is A@B, B!A@here is A@B; which comes first is the source channel's choice.
  bool take_hidden_host() {
    const auto percent = now_.local.rfind('%');
    const auto bang = has_keyword(Kw::percentonly) ? std::string::npos : now_.local.find('!');
    const bool use_bang =
        bang != std::string::npos && (percent == std::string::npos || has_keyword(Kw::bangoverpercent));
    const auto cut = use_bang ? bang : percent;
    if (cut == std::string::npos || cut == 0 || cut + 1 == now_.local.size()) return false;
    auto left = now_.local.substr(0, cut), right = now_.local.substr(cut + 1);
    if (use_bang) left.swap(right);
    now_.local = std::move(left);
    now_.domain = std::move(right);
    now_.origin = use_bang ? Origin::bang : Origin::percent;
    return true;
  }

  Outcome finish() {
    Rewritten result;
    result.host = to_lower(host());
    result.local = std::move(now_.local);
    result.domain =
        !header_name_.empty() && now_.domain == header_name_ ? header_domain_ : std::move(now_.domain);
    result.route = std::move(now_.route);
    result.channel = channel_;
    return result;
  }

  Outcome unroutable() {
    if (error_ && !error_->empty()) {
      if (const int kind = error_code_ / 1'000'000; kind == 4 || kind == 5) {  // 4001002 is 4.1.2
        const auto status = std::to_string(kind) + "." + std::to_string(error_code_ / 1000 % 1000) + "." +
                            std::to_string(error_code_ % 1000);
        return std::unexpected(problem(kind == 4 ? 450 : 550, status, *error_));
      }
      const int code = error_code_ >= 400 && error_code_ < 600 ? error_code_ : 550;
      return std::unexpected(problem(code, code < 500 ? "4.1.2" : "5.1.2", *error_));
    }
    return std::unexpected(problem(550, "5.1.2", "unknown host or domain " + printable(host(), 260)));
  }

  const Lookup& lookup_;
  RewriteRequest now_;
  RuleMatch match_;
  std::string host_text_, tag_;
  std::string header_domain_, header_name_;  // as it was given, and its A-labels
  std::string spare_;                        // room for the next rule's text
  std::optional<std::string> error_;
  int error_code_ = 0, round_ = 0;
  std::vector<std::string> loop_;
  const Channel* channel_ = nullptr;
};

}  // namespace

std::string Rewritten::text() const {
  std::string result;
  for (const auto& hop : route) result += (result.empty() ? "@" : ",@") + hop;
  if (!result.empty()) result += ':';
  return result + mail::format_addr_spec(local, domain);
}

Result<Outcome> rewrite(const Lookup& lookup, RewriteRequest request) {
  auto outcome = Rewriter(lookup, std::move(request)).run();
  if (outcome || directory::is_would_block(outcome.error())) return outcome;
  const auto& error = outcome.error();
  if (error.fault == Fault::temporary)
    return Outcome(
        std::unexpected(problem(451, "4.4.3", "the directory cannot be asked now; try again later")));
  // A rule that cannot work is the site's to mend, not a reason to bounce.
  return Outcome(std::unexpected(problem(451, "4.3.5", error.text)));
}

}  // namespace waxwing::mta
