// qm clean (imsimta qclean): messages by what stands in them; listed, held or deleted.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "common/base/crew.h"
#include "common/base/strings.h"
#include "tools/imsimta/qm.h"
#include "tools/imsimta/qm_rows.h"

namespace waxwing::imsimta {

using mta::queue::FileName;
using mta::queue::Reader;

namespace {

constexpr std::size_t kPieceBytes = 256 * 1024;
constexpr std::size_t kFilesAtOnce = 4096;  // names held beside those that were found
constexpr std::size_t kMostThreads = 64;

struct Wanted {
  std::string from, to, subject, domain_to, content;
  bool any = false;          // -match=or
  bool ignore_zz = false;    // not those that were never tried
  std::size_t shortest = 1;  // bytes of a text, so that a slip of the finger does not fit everything
};

bool has_domain(const mta::queue::Envelope& envelope, std::string_view domain) {
  return std::ranges::any_of(envelope.recipients, [&](const auto& recipient) {
    const auto at = recipient.address.rfind('@');
    return at != std::string::npos && iequals(std::string_view(recipient.address).substr(at + 1), domain);
  });
}

bool has_recipient(const mta::queue::Envelope& envelope, std::string_view text) {
  return std::ranges::any_of(envelope.recipients, [&](const auto& recipient) {
    return ifind(recipient.address, text) != std::string::npos;
  });
}

bool has_subject(const Reader& reader, std::string_view text) {
  return ifind(subject_of(reader), text) != std::string::npos;
}

// Pieces overlap, so that nothing hides where two meet.
bool has_content(const Reader& reader, const std::string& text) {
  std::string window;
  for (std::uint64_t at = 0; at < reader.message_size();) {
    const auto piece = reader.read_message(at, kPieceBytes);
    if (!piece || piece->empty()) return false;
    at += piece->size();
    window += *piece;
    if (ifind(window, text) != std::string::npos) return true;
    if (window.size() >= text.size()) window.erase(0, window.size() - text.size() + 1);
  }
  return false;
}

bool fits(const Reader& reader, const Wanted& wanted) {
  const auto& envelope = reader.envelope();
  bool all = true, any = false;
  const auto look = [&](const std::string& text, auto&& test) {
    if (text.empty() || (wanted.any && any) || (!wanted.any && !all)) return;
    const bool good = test();
    all &= good;
    any |= good;
  };
  look(wanted.from, [&] { return ifind(envelope.sender, wanted.from) != std::string::npos; });
  look(wanted.to, [&] { return has_recipient(envelope, wanted.to); });
  look(wanted.domain_to, [&] { return has_domain(envelope, wanted.domain_to); });
  look(wanted.subject, [&] { return has_subject(reader, wanted.subject); });
  look(wanted.content, [&] { return has_content(reader, wanted.content); });
  return wanted.any ? any : all;
}

Result<Wanted> parse_wanted(Arguments& arguments) {
  Wanted wanted;
  std::string match;
  for (const auto& [name, target] : {std::pair{"from", &wanted.from},
                                     {"to", &wanted.to},
                                     {"subject", &wanted.subject},
                                     {"domain_to", &wanted.domain_to},
                                     {"content", &wanted.content}})
    arguments.take(name, target);
  if (arguments.take("match", &match) && !iequals(match, "and") && !iequals(match, "or"))
    return permanent("-match is and or or, not " + printable(match));
  wanted.any = iequals(match, "or");
  wanted.ignore_zz = arguments.take("ignore_zz");
  std::string shortest;
  if (arguments.take("min_length", &shortest)) {
    const auto bytes = to_number<std::size_t>(shortest);
    if (!bytes || *bytes < 1)
      return permanent("-min_length is a number of at least 1, not " + printable(shortest));
    wanted.shortest = *bytes;
  }
  for (const auto* text : {&wanted.from, &wanted.to, &wanted.subject, &wanted.domain_to, &wanted.content})
    if (!text->empty() && text->size() < wanted.shortest)
      return permanent("\"" + printable(*text) + "\" is shorter than -min_length");
  if (wanted.from.empty() && wanted.to.empty() && wanted.subject.empty() && wanted.domain_to.empty() &&
      wanted.content.empty())
    return permanent("which messages? " + qm_usage("clean"));
  return wanted;
}

// -threads=n: so many files are read at once. One by default, for the disk is also the mail's.
Result<std::size_t> take_threads(Arguments& arguments) {
  std::string text;
  const bool one = arguments.take("nothreads");
  if (!arguments.take("threads", &text)) return std::size_t{1};
  const auto threads = to_number<std::size_t>(text);
  if (one || !threads || *threads < 1 || *threads > kMostThreads)
    return permanent(
        one ? "-threads and -nothreads exclude each other"
            : fmt::format("-threads is a number from 1 to {}, not {}", kMostThreads, printable(text)));
  return *threads;
}

// Looks into files, some at a time, and keeps the names of those that fit in the order they came in.
class Sieve {
 public:
  Sieve(const mta::queue::Queue& queue, const Wanted& wanted, bool skip_held, std::size_t threads)
      : queue_(queue), wanted_(wanted), skip_held_(skip_held), crew_(threads) {}

  void look_at(const FileName& name) {
    if ((skip_held_ && name.held) || (wanted_.ignore_zz && name.attempts == 0)) return;
    waiting_.push_back(name);
    if (waiting_.size() == kFilesAtOnce) finish();
  }
  void finish() {
    std::vector<char> good(waiting_.size());
    if (!waiting_.empty())
      crew_.each(waiting_.size(), [&](std::size_t i) {
        const auto reader = Reader::open(queue_, waiting_[i]);
        good[i] = reader && fits(*reader, wanted_);
      });
    for (std::size_t i = 0; i < waiting_.size(); ++i)
      if (good[i]) found.push_back(std::move(waiting_[i]));
    read += waiting_.size();
    waiting_.clear();
  }
  std::vector<FileName> found;
  std::size_t read = 0;

 private:
  const mta::queue::Queue& queue_;
  const Wanted& wanted_;
  const bool skip_held_;
  Crew crew_;
  std::vector<FileName> waiting_;
};

// From the tree, or from what the job controller has in memory.
Result<> look_through(const Context& context, const mta::queue::Queue& queue, const std::string& only,
                      bool memory, bool verbose, Sieve& sieve) {
  std::map<std::string, std::vector<Row>> rows;
  if (memory) {
    TRY(rows, rows_in_memory(context, only));
  }
  TRY(const auto channels, queue.channels());
  for (const auto& channel : channels) {
    if (!only.empty() && channel != only) continue;
    const auto found = sieve.found.size(), read = sieve.read;
    if (memory) {
      for (const auto& row : rows[channel]) sieve.look_at(row.name);
    } else {
      TRY_VOID(queue.scan(channel, [&](const FileName& name) {
        sieve.look_at(name);
        return true;
      }));
    }
    sieve.finish();
    if (verbose)
      fmt::print("channel {}: {} of {} messages\n", channel, sieve.found.size() - found, sieve.read - read);
  }
  return {};
}

}  // namespace

Result<int> qm_clean(const Context& context, Arguments arguments) {
  TRY(const auto wanted, parse_wanted(arguments));
  const bool remove = arguments.take("delete"), hold = arguments.take("hold");
  TRY(const bool memory, takes_memory(arguments));
  TRY(const auto threads, take_threads(arguments));
  const auto only = to_lower(arguments.take_word());
  const bool verbose = arguments.take("verbose");
  TRY_VOID(arguments.finish(qm_usage("clean")));
  if (remove && hold) return permanent("-delete and -hold exclude each other");
  const auto queue = open_queue(context);
  Sieve sieve(*queue, wanted, hold, threads);
  TRY_VOID(look_through(context, *queue, only, memory, verbose, sieve));
  auto& names = sieve.found;
  std::ranges::sort(names, {}, &FileName::id);
  TRY_VOID(save_listing(context, names));
  if (remove || hold) return change_messages(context, remove ? "delete" : "hold", names, false);
  for (std::size_t i = 0; i < names.size(); ++i) fmt::print("{:>5} {}\n", i + 1, names[i].relative());
  fmt::print("{} messages found; -hold or -delete does that to them\n", names.size());
  return 0;
}

}  // namespace waxwing::imsimta
