#include "imapd/search/matcher.h"

#include <algorithm>

#include "common/base/strings.h"
#include "common/mail/charset.h"
#include "common/mail/date.h"
#include "common/mail/header.h"
#include "imapd/fetch/cached_fields.h"
#include "imapd/parse/flag_list.h"
#include "imapd/store_flags.h"

namespace waxwing::imap {

using Kind = SearchKey::Kind;

struct Matcher::Test {
  Kind kind = Kind::all;
  std::string field, needle;
  std::int64_t number = 0;
  bool field_is_cached = false;
  std::size_t text_needle = 0;  // in needles_
  std::uint32_t flag = 0;       // system flag; else keyword_bit
  int keyword_bit = -1;
  std::vector<Range> ranges;
  std::vector<Test> children;
};

namespace {

// Header bytes, once for each key that looks at them, that may be decoded on the event loop.
constexpr std::size_t kInlineHeaderBytes = 64 << 10;

Verdict verdict(bool yes) {
  return yes ? Verdict::yes : Verdict::no;
}

std::int64_t floor_day(std::int64_t seconds) {
  return seconds >= 0 ? seconds / 86400 : (seconds - 86399) / 86400;
}

bool is_header_kind(Kind kind) {
  return kind == Kind::header || kind == Kind::sent_before || kind == Kind::sent_on ||
         kind == Kind::sent_since;
}

}  // namespace

Result<Matcher> Matcher::prepare(const SearchProgram& program, Context context) {
  Matcher matcher;
  matcher.context_ = std::move(context);
  TRY(auto root, matcher.ready(program.root, program.charset));
  matcher.root_ = std::make_shared<const Test>(std::move(root));
  return matcher;
}

Result<Matcher::Test> Matcher::ready(const SearchKey& key, const std::string& charset) {
  Test test{.kind = key.kind, .field = key.field, .number = key.number};
  if (is_header_kind(key.kind)) {
    uses_headers_ = true;
    ++header_tests_;
  }
  test.field_is_cached = key.kind == Kind::header && store::is_cached_header(key.field);
  switch (key.kind) {
    case Kind::sequence:
      test.kind = key.set.is_saved_result() ? Kind::uid : Kind::sequence;
      test.ranges = key.set.is_saved_result() ? context_.saved : key.set.resolve(context_.exists);
      break;
    case Kind::uid:
      test.ranges = key.set.is_saved_result() ? context_.saved : key.set.resolve(context_.largest_uid);
      break;
    case Kind::flag:
      test.flag = store_flags(system_flag(key.text));
      for (std::size_t n = 0; n < context_.keywords.size(); ++n)
        if (iequals(context_.keywords[n], key.text)) test.keyword_bit = static_cast<int>(n);
      break;
    case Kind::header:
    case Kind::body:
    case Kind::text: {
      const auto utf8 = mail::to_utf8(key.text, charset);
      if (!utf8) return permanent("charset " + printable(charset, 40) + " is not known here");
      test.needle = mail::fold_for_search(*utf8);
      if (key.kind != Kind::header) {
        const TextNeedle needle{test.needle, key.kind == Kind::text};
        const auto known = std::ranges::find(needles_, needle);
        test.text_needle = static_cast<std::size_t>(known - needles_.begin());
        if (known == needles_.end()) needles_.push_back(needle);
      }
      break;
    }
    case Kind::email_id:
    case Kind::thread_id:
      test.needle = key.text;
      break;
    default:
      break;
  }
  for (const auto& child : key.children) {
    TRY(auto ready_child, ready(child, charset));
    test.children.push_back(std::move(ready_child));
  }
  return test;
}

Verdict Matcher::match(const Candidate& candidate) const {
  return judge(*root_, candidate, nullptr);
}

Verdict Matcher::judge(const Test& test, const Candidate& candidate, Late* late) const {
  switch (test.kind) {
    case Kind::both:
    case Kind::either:
    case Kind::negated:
      return judge_list(test, candidate, late);
    case Kind::header:
      return judge_header(test, candidate, late);
    case Kind::sent_before:
    case Kind::sent_on:
    case Kind::sent_since:
      return judge_sent(test, candidate, late);
    case Kind::body:
    case Kind::text:
      return late ? late->verdict_on(test.text_needle) : Verdict::open;
    case Kind::younger:
      return verdict(candidate.info.internal_date >= context_.now - test.number);
    case Kind::older:
      return verdict(candidate.info.internal_date <= context_.now - test.number);
    default:
      return verdict(judge_index(test, candidate));
  }
}

Verdict Matcher::judge_list(const Test& test, const Candidate& candidate, Late* late) const {
  if (test.kind == Kind::negated) {
    const auto inner = judge(test.children.front(), candidate, late);
    if (inner == Verdict::open) return inner;
    return verdict(inner == Verdict::no);
  }
  // One "no" settles a conjunction, one "yes" an alternative, however open the others are.
  const auto settles = test.kind == Kind::both ? Verdict::no : Verdict::yes;
  bool open = false;
  for (const auto& child : test.children) {
    const auto one = judge(child, candidate, late);
    if (one == settles) return one;
    open |= one == Verdict::open;
  }
  if (open) return Verdict::open;
  return settles == Verdict::no ? Verdict::yes : Verdict::no;
}

bool Matcher::judge_index(const Test& test, const Candidate& candidate) {
  const auto& info = candidate.info;
  const auto day = [&] { return floor_day(info.internal_date + std::int64_t{info.zone_minutes} * 60); };
  switch (test.kind) {
    case Kind::all:
      return true;
    case Kind::sequence:
      return contains(test.ranges, candidate.sequence);
    case Kind::uid:
      return contains(test.ranges, info.uid);
    case Kind::flag:
      if (test.flag) return info.flags & test.flag;
      return test.keyword_bit >= 0 && info.keywords.has(static_cast<std::size_t>(test.keyword_bit));
    case Kind::is_recent:
      return candidate.recent;
    case Kind::before:
      return day() < test.number;
    case Kind::on:
      return day() == test.number;
    case Kind::since:
      return day() >= test.number;
    case Kind::larger:
      return info.size > static_cast<std::uint64_t>(test.number);
    case Kind::smaller:
      return info.size < static_cast<std::uint64_t>(test.number);
    case Kind::modseq:
      return info.modseq >= static_cast<std::uint64_t>(test.number);
    case Kind::email_id:
      return store::email_id_text(info.email_id) == test.needle;
    case Kind::thread_id:
      return store::thread_id_text(info.thread_id) == test.needle;
    default:
      return false;
  }
}

bool Matcher::takes_long(const Candidate& candidate) const {
  return candidate.cached && candidate.cached->headers.size() * header_tests_ > kInlineHeaderBytes;
}

Verdict Matcher::judge_header(const Test& test, const Candidate& candidate, Late* late) const {
  if (late) {
    const auto& values = late->field(test.field);
    return verdict(!values.empty() && values.find(test.needle) != std::string::npos);
  }
  if (takes_long(candidate) || !candidate.cached || !test.field_is_cached) return Verdict::open;
  auto lines = candidate.cached->headers;
  while (const auto value = next_field(lines, test.field))
    if (value_contains(*value, test.needle)) return Verdict::yes;
  return Verdict::no;
}

// The Date: header on the sender's calendar, time and zone disregarded. Without one nothing matches.
Verdict Matcher::judge_sent(const Test& test, const Candidate& candidate, Late* late) const {
  const auto compare = [&](std::optional<std::string_view> value) {
    const auto date = value ? mail::parse_date(*value) : std::nullopt;
    if (!date) return Verdict::no;
    const auto day = date->local_day();
    if (test.kind == Kind::sent_before) return verdict(day < test.number);
    return verdict(test.kind == Kind::sent_on ? day == test.number : day >= test.number);
  };
  if (!late && takes_long(candidate)) return Verdict::open;
  if (candidate.cached) {
    auto lines = candidate.cached->headers;
    return compare(next_field(lines, "Date"));
  }
  if (!late) return Verdict::open;
  const auto* header = late->header();
  return header ? compare(header->value("Date")) : Verdict::no;
}

// ---- with the message's text ---------------------------------------------------------------------------

const mail::HeaderBlock* Matcher::Late::header() {
  if (header_ || !failure_) return header_ ? &*header_ : nullptr;
  const auto read = [this]() -> Result<> {
    TRY(const auto file, mailbox_.open_message(candidate_.info));
    TRY(header_bytes_, file.read(0, candidate_.info.header_size));
    return {};
  };
  failure_ = read();
  if (!failure_) return nullptr;
  header_ = mail::HeaderBlock::scan(header_bytes_);
  return &*header_;
}

const std::string& Matcher::Late::field(const std::string& name) {
  const auto [at, is_new] = fields_.try_emplace(name);
  auto& values = at->second;
  if (!is_new) return values;
  const auto add = [&](std::string_view value) {
    values += mail::fold_for_search(mail::decoded_text(value));
    values += '\0';
  };
  if (candidate_.cached && store::is_cached_header(name)) {
    auto lines = candidate_.cached->headers;
    while (const auto value = next_field(lines, name)) add(*value);
  } else if (const auto* block = header()) {
    for (const auto& one : block->fields())
      if (iequals(one.name, name)) add(one.value);
  }
  return values;
}

Verdict Matcher::Late::verdict_on(std::size_t needle) const {
  if (!scan_) return Verdict::open;
  if (scan_->found(needle)) return Verdict::yes;
  return scan_->done() ? Verdict::no : Verdict::open;
}

Result<Verdict> Matcher::Late::verdict() {
  const auto found = matcher_.judge(*matcher_.root_, candidate_, this);
  if (failure_) return found;
  if (store::code_of(failure_.error()) == store::Code::nonexistent) return Verdict::no;
  return std::unexpected(failure_.error());
}

Result<Verdict> Matcher::Late::step(std::int64_t until_ms) {
  if (!scan_) {
    // Perhaps the header alone decides.
    TRY(const auto early, verdict());
    if (early != Verdict::open) return early;
    auto opened =
        TextScan::open(mailbox_, candidate_.info, matcher_.needles_, matcher_.context_.max_part_bytes);
    if (opened)
      scan_ = std::move(*opened);
    else
      failure_ = std::unexpected(opened.error());
    if (!failure_) return verdict();
  }
  scan_->step(until_ms);
  return verdict();
}

}  // namespace waxwing::imap
