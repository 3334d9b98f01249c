#include "mta/address/resolver.h"

#include "common/base/time.h"

#include "mta/address/ldap_value.h"
#include "mta/address/mapping.h"
#include "mta/address/reverse.h"
#include "mta/address/srs.h"

namespace waxwing::mta {
namespace {

constexpr std::size_t kMostProblemsKept = 100;
constexpr std::string_view kPostmaster = "postmaster";

enum AliasDomains : std::int64_t { bare_anywhere = 1, whole_address = 2, any_user = 4 };

// A host is one word in the schedule and to the programs that deliver to it. Forwards, members and aliases
// may hold domain literals that are none.
bool is_one_word(std::string_view host) {
  for (const unsigned char c : host)
    if (c <= ' ' || c == 0x7f) return false;
  return true;
}

AddressProblem site_problem(const std::string& text) {
  return problem(451, "4.3.5", text);
}

AddressProblem loop(const std::string& address) {
  return problem(550, "5.4.6", "aliases or forwards of " + printable(address) + " lead back to themselves");
}

}  // namespace

Result<ResolveOutcome> Resolver::run() {
  auto parsed = parse_routed_address(request_.address);
  if (!parsed)
    return ResolveOutcome(std::unexpected(
        problem(501, "5.1.3", "bad address " + printable(request_.address) + ": " + parsed.error().text)));
  Frame top;
  top.tags = request_.state.tags;
  TRY(auto trouble, address(*parsed, top));
  if (trouble) return ResolveOutcome(std::unexpected(*trouble));
  if (count_ > 0 || result_.list) return ResolveOutcome(std::move(result_));
  if (!result_.member_problems.empty())
    return ResolveOutcome(std::unexpected(result_.member_problems.front()));
  return ResolveOutcome(std::unexpected(loop(request_.address)));
}

Trouble Resolver::directory_trouble(const Error& error, const std::string& address) const {
  if (directory::is_would_block(error) || error.fault == Fault::bug) return std::unexpected(error);
  lookup_.say([&] { return "  directory: " + error.text; });
  return problem(451, "4.4.3",
                 "the directory cannot be asked about " + printable(address) + " now; try again later");
}

Trouble Resolver::database_trouble(const Error& error) const {
  if (directory::is_would_block(error) || error.fault == Fault::bug) return std::unexpected(error);
  return site_problem(error.text);
}

Trouble Resolver::text(std::string_view text, const Frame& frame) {
  if (istarts_with(text, "mailto:")) text.remove_prefix(7);
  auto parsed = parse_routed_address(text);
  if (!parsed) return problem(550, "5.1.3", "bad address " + printable(text) + ": " + parsed.error().text);
  return address(*parsed, frame);
}

Trouble Resolver::address(const RoutedAddress& at, const Frame& frame) {
  const auto& spec = at.spec;
  if (frame.depth > lookup_.config.options().number(Opt::MAX_ALIAS_LEVELS))
    return problem(550, "5.4.6",
                   "aliases and forwards nested deeper than MAX_ALIAS_LEVELS at " + printable(spec.text()));
  if (is_srs(spec.local_part) && at.route.empty() &&
      iequals(spec.domain, lookup_.config.options().text(Opt::SRS_DOMAIN)))
    return returning(spec, frame);
  RewriteRequest request;
  request.local = spec.local_part;
  request.domain = complete_domain(lookup_, spec.domain, request_.source, request_.submission);
  request.route = at.route;
  request.source = request_.source;
  TRY(auto rewritten, rewrite(lookup_, std::move(request)));
  if (!rewritten) return std::move(rewritten.error());
  const auto text = rewritten->text();
  Frame below = frame;
  if (below.rewritten.empty()) {
    below.rewritten = text;
    below.rewritten_channel = rewritten->channel->name();
  }
  const auto& channel = *rewritten->channel;
  if (channel.is(Kw::aliaspostmaster) && iequals(rewritten->local, kPostmaster) && channel.name() != "l" &&
      !lookup_.config.is_local_host(rewritten->domain)) {
    Frame ours = below;
    ++ours.depth;
    return address({{}, {std::string(kPostmaster), lookup_.config.local_host()}}, ours);
  }
  if (channel.name() == "l" || channel.is(Kw::aliaslocal)) return local(*rewritten, below);
  return arrived(*rewritten, text, below, nullptr);
}

// A bounce on its way back to who sent what we forwarded. It comes to us first, as to any local address.
Trouble Resolver::returning(const mail::AddrSpec& spec, const Frame& frame) {
  const auto keys = srs_keys(lookup_.config);
  auto address = srs_decode(keys, spec.local_part, wall_seconds());
  if (!address)
    return problem(550, "5.1.1", "unknown address " + printable(spec.text()) + ": " + address.error().text);
  lookup_.say([&] { return "  SRS: " + *address; });
  Frame below = frame;
  ++below.depth;
  below.via_alias = true;
  if (below.rewritten.empty()) {
    below.rewritten = spec.text();
    below.rewritten_channel = "l";
  }
  return text(*address, below);
}

namespace {
std::string both_tags(const std::string& first, const std::string& second) {
  return first.empty() || second.empty() ? first + second : first + "," + second;
}

std::string conversion_tags(const directory::User& user) {
  return both_tags(user.conversion_tag, user.domain ? user.domain->conversion_tag : std::string());
}
}  // namespace

Recipient Resolver::recipient_below(const Frame& frame) {
  Recipient recipient;
  recipient.rewritten = frame.rewritten;
  recipient.rewritten_channel = frame.rewritten_channel;
  recipient.envelope_from = frame.envelope_from;
  recipient.from_list = frame.from_list;
  recipient.hold = frame.hold;
  recipient.tags = frame.tags;
  return recipient;
}

// The end of the way: unless FORWARD sends it elsewhere, one recipient more.
Trouble Resolver::arrived(const Rewritten& at, const std::string& expanded, const Frame& frame,
                          const directory::User* user) {
  bool taken = false;
  TRY(auto trouble, forward_table(at, frame, taken));
  if (trouble || taken) return trouble;
  if (at.channel->is(Kw::viaaliasrequired) && !frame.via_alias)
    return problem(550, "5.1.1", "unknown or illegal alias: " + printable(at.text()));
  if (!is_one_word(at.host)) return problem(550, "5.1.2", "no host: " + printable(at.host));
  auto recipient = recipient_below(frame);
  recipient.channel = at.channel->name();
  recipient.address = at.text();
  recipient.host = at.host;
  recipient.expanded = expanded;
  recipient.notify = frame.notify;
  recipient.hold = frame.hold && recipient.channel != "hold";
  if (user) recipient.tags = both_tags(recipient.tags, conversion_tags(*user));
  if (recipient.channel.starts_with("ims-ms")) {
    auto name = std::string_view(at.local);
    const auto plus = name.find('+');
    if (plus != name.npos) recipient.folder = std::string(name.substr(plus + 1));
    recipient.mailbox = user ? user->store_name : replace_all(std::string(name.substr(0, plus)), "%", "@");
  }
  return hand_over(std::move(recipient));
}

// FORWARD, then the forward database: probe address, or source|from|address. $Y of FORWARD takes the result, $D
// sends it through everything again; what the database has is taken.
Trouble Resolver::forward_table(const Rewritten& at, const Frame& frame, bool& taken) {
  const auto bits = lookup_.config.options().number(Opt::USE_FORWARD_DATABASE);
  const bool database = (bits & 1) != 0 && lookup_.config.databases().has(DatabaseId::forward);
  const auto* table = lookup_.config.mappings().table(OwnTable::forward);
  if (frame.forwarded || (!table && !database)) return std::nullopt;
  std::string probe = mail::format_addr_spec(at.local, at.domain);
  if (bits & 16) probe = request_.envelope_from + "|" + probe;
  if (bits & 8) probe = (request_.source ? request_.source->name() : "") + "|" + probe;
  Frame below = frame;
  ++below.depth;
  below.forwarded = true;
  if (table) {
    auto answer = apply_mapping(lookup_, *table, probe);
    if (!answer) return directory_trouble(answer.error(), at.text());
    if (answer->matched && answer->flags.has('Y')) {
      taken = true;
      below.forwarded = !answer->flags.has('D');
      return text(answer->text, below);
    }
  }
  if (!database) return std::nullopt;
  const auto values = lookup_.config.databases().find(DatabaseId::forward, probe, lookup_.ask);
  if (!values) return database_trouble(values.error());
  if (values->empty()) return std::nullopt;
  taken = true;
  lookup_.say([&] { return "  forward database: " + probe + " is " + values->front(); });
  return text(values->front(), below);
}

bool Resolver::is_bare_alias_host(const std::string& domain) const {
  return lookup_.config.is_local_host(domain) || iequals(domain, lookup_.config.default_domain());
}

// ALIAS_MAGIC: directory, aliases file and alias database, in its order.
Trouble Resolver::local(const Rewritten& at, const Frame& frame) {
  std::string subaddress;
  directory::MatchRef match;
  for (const auto source : lookup_.config.alias_order().sources) {
    bool found = false;
    if (source == AliasSource::directory) {
      auto asked = directory_match(at, subaddress);
      if (!asked) return directory_trouble(asked.error(), at.text());
      match = std::move(*asked);
      if (match->user) return user(*match, at, subaddress, frame);
      if (match->group) return group(*match, at, frame);
      continue;
    }
    TRY(auto trouble,
        source == AliasSource::file ? alias_file(at, frame, found) : alias_database(at, frame, found));
    if (trouble || found) return trouble;
  }
  return not_found(at, match, frame);
}

// The full address, then without its subaddress; for a name of this host, the default domain too.
Result<directory::MatchRef> Resolver::directory_match(const Rewritten& at, std::string& subaddress) {
  if (!lookup_.directory) return std::unexpected(directory_missing());
  const auto plus = at.local.find('+');
  const bool relaxed = at.channel->is(Kw::subaddressrelaxed);
  const auto domain = lookup_.config.is_local_host(at.domain) ? lookup_.config.default_domain() : at.domain;
  const auto ask = [&](const std::string& local) {
    lookup_.say([&] { return "  directory: " + local + "@" + domain; });
    return lookup_.directory->by_address(local + "@" + domain, lookup_.ask);
  };
  TRY(auto match, ask(at.local));
  if (match->found() || plus == std::string::npos || plus == 0 || !relaxed) return match;
  TRY(auto without, ask(at.local.substr(0, plus)));
  if (without->found()) subaddress = at.local.substr(plus + 1);
  return without;
}

// The names under which an address may have an alias, the best first.
std::vector<std::string> Resolver::alias_names(const Rewritten& at) const {
  const auto plus = at.local.find('+');
  std::vector<std::string> names{at.local}, keys;
  if (plus != std::string::npos && plus > 0 && !at.channel->is(Kw::subaddressexact)) {
    names.push_back(at.local.substr(0, plus) + "+*");
    if (!at.channel->is(Kw::subaddresswild)) names.push_back(at.local.substr(0, plus));
  }
  const auto bits = lookup_.config.options().number(Opt::ALIAS_DOMAINS);
  if (bits & whole_address)
    for (const auto& name : names) keys.push_back(mail::format_addr_spec(name, at.domain));
  if ((bits & whole_address) && (bits & any_user)) {
    if (plus != std::string::npos) keys.push_back("*+*@" + at.domain);
    keys.push_back("*@" + at.domain);
  }
  const bool bare = (bits & bare_anywhere) || is_bare_alias_host(at.domain);
  for (auto& name : names)
    // RFC 5321 §4.5.1: every domain of ours has a postmaster.
    if (bare || iequals(name, kPostmaster)) keys.push_back(std::move(name));
  return keys;
}

Trouble Resolver::alias_file(const Rewritten& at, const Frame& frame, bool& found) {
  const auto& file = lookup_.config.aliases();
  if (file.size() == 0) return std::nullopt;
  for (const auto& name : alias_names(at))
    if (const auto* entry = file.find(name)) {
      lookup_.say([&] { return "  alias " + entry->name + " (" + entry->where + ")"; });
      found = true;
      return alias(*entry, at, frame);
    }
  return std::nullopt;
}

Trouble Resolver::alias_database(const Rewritten& at, const Frame& frame, bool& found) {
  const auto& databases = lookup_.config.databases();
  if (!databases.has(DatabaseId::alias)) return std::nullopt;
  for (const auto& name : alias_names(at)) {
    const auto values = databases.find(DatabaseId::alias, name, lookup_.ask);
    if (!values) return database_trouble(values.error());
    if (values->empty()) continue;
    const auto entry = AliasFile::entry(lookup_.config.sources(), name, values->front(), "alias database");
    if (!entry) return site_problem(entry.error().text);
    lookup_.say([&] { return "  alias " + name + " (alias database)"; });
    found = true;
    return alias(*entry, at, frame);
  }
  return std::nullopt;
}

Trouble Resolver::alias(const Alias& alias, const Rewritten& at, const Frame& frame) {
  if (!first_visit("alias:" + alias.name)) return std::nullopt;
  Frame below = frame;
  ++below.depth;
  below.via_alias = true;
  if (!alias.errors_to.empty()) {
    below.envelope_from = alias.errors_to;
    below.from_list = true;
  }
  if (alias.list.is_list) {
    below.notify = alias.list.notify;
    below.tags = both_tags(below.tags, alias.list.tags);
    bool done = false;
    TRY(auto trouble, list_access(alias, below, done));
    if (trouble || done) return trouble;
    const auto use = use_of(alias);
    if (is_left_to_process(use, frame)) return leave_to_process(use, at, frame);
    if (frame.depth == 0) running_ = use.id;
    if (is_asked_for_head(frame)) return result_.list = alias.list.effects, std::nullopt;
  }
  return alias_members(alias, below);
}

Trouble Resolver::alias_members(const Alias& alias, const Frame& below) {
  const bool one = alias.values.size() == 1 && alias.urls.empty() && !alias.list.is_list;
  for (const auto& value : alias.values) {
    auto outcome = text(value, below);
    if (one) return outcome;
    TRY(auto trouble, member(std::move(outcome), value));
    if (trouble) return trouble;
  }
  for (const auto& url : alias.urls) {
    TRY(auto trouble, member(member_url(url, below), url));
    if (trouble) return trouble;
  }
  return std::nullopt;
}

// done: the message went to the moderators instead of the members.
Trouble Resolver::list_access(const Alias& alias, Frame& below, bool& done) {
  if (request_.expand && !alias.list.expandable)
    return problem(550, "5.7.1", "the members of " + printable(alias.name) + " are not shown");
  auto verdict = list_verdict(lookup_, alias, request_);
  if (!verdict) return directory_trouble(verdict.error(), alias.name);
  if (verdict->refusal) return std::move(verdict->refusal);
  below.from_list = true;
  below.hold = below.hold || verdict->hold;
  if (!verdict->to_moderators) return std::nullopt;
  done = true;
  // What a moderator sends on comes from the writer; errors are the writer's too.
  below.envelope_from.clear();
  for (const auto& moderator : alias.list.moderators) {
    TRY(auto trouble, member(text(moderator.address, below), moderator.address));
    if (trouble) return trouble;
  }
  return std::nullopt;
}

Trouble Resolver::not_found(const Rewritten& at, const directory::MatchRef& match, const Frame& frame) {
  const auto address = mail::format_addr_spec(at.local, at.domain);
  if (match && !match->contact_mail.empty() && first_visit("contact:" + match->contact_mail)) {
    Frame below = frame;
    ++below.depth;
    return text(match->contact_mail, below);
  }
  if (match && match->domain) {
    bool taken = false;
    TRY(auto trouble, for_the_domain(*match->domain, at, frame, taken));
    if (trouble || taken) return trouble;
  }
  // aliaslocal channels deliver what has no alias; on l there is nothing else.
  if (at.channel->name() != "l") return arrived(at, address, frame, nullptr);
  return problem(550, "5.1.1", "unknown or illegal alias: " + printable(address));
}

// What a domain does with an address that nobody has: an entry with mailAlternateAddress @domain takes it, else
// the smart host, else the catch-all address.
Trouble Resolver::for_the_domain(const directory::Domain& domain, const Rewritten& at, const Frame& frame,
                                 bool& taken) {
  const auto address = mail::format_addr_spec(at.local, at.domain);
  taken = true;
  if (domain.status == directory::Status::hold) return hold(address, frame, nullptr);
  if (auto refused = status_problem(domain.status, address, false)) return refused;
  const auto name = lookup_.config.is_local_host(at.domain) ? lookup_.config.default_domain() : at.domain;
  auto everybody = lookup_.directory->by_address("@" + name, lookup_.ask);
  if (!everybody) return directory_trouble(everybody.error(), address);
  const auto& entry = **everybody;
  if (entry.found()) lookup_.say([&] { return "  catch-all entry of " + name; });
  if (entry.user) return user(entry, at, "", frame);
  if (entry.group) return group(entry, at, frame);
  if (!domain.routing_smart_host.empty() && !lookup_.config.is_local_host(domain.routing_smart_host))
    return route_to(domain.routing_smart_host, address, frame);
  if (!domain.catchall_address.empty() && first_visit("catchall:" + domain.name)) {
    lookup_.say([&] { return "  catch-all of " + domain.name + ": " + domain.catchall_address; });
    Frame below = frame;
    ++below.depth;
    below.via_alias = true;
    return text(domain.catchall_address, below);
  }
  taken = false;
  return std::nullopt;
}

// A member's failure ends the whole only when the directory is down: then all is to be tried again.
Trouble Resolver::member(Trouble outcome, const std::string& who) {
  TRY(auto trouble, std::move(outcome));
  if (!trouble) return std::nullopt;
  if (trouble->status == "4.4.3" || trouble->status == "4.5.3") return trouble;
  trouble->address = who;
  lookup_.say([&] { return "  member " + who + ": " + trouble->text; });
  if (++result_.problem_count <= kMostProblemsKept) result_.member_problems.push_back(std::move(*trouble));
  return std::nullopt;
}

}  // namespace waxwing::mta
