// What a client may send to imapd: framing into commands, then the arguments of each. The first byte chooses
// limits.
#include "common/base/strings.h"
#include "common/mail/section.h"
#include "imapd/parse/arguments.h"
#include "imapd/parse/fetch_items.h"
#include "imapd/parse/framer.h"
#include "imapd/parse/mailbox_name.h"
#include "imapd/parse/name_pattern.h"
#include "imapd/parse/search_key.h"
#include "imapd/parse/sort_program.h"
#include "t/fuzz/fuzz.h"

using namespace waxwing;
using namespace waxwing::imap;

namespace {

using State = CommandFramer::State;

// Everything that the framer said, as one text.
class Transcript {
 public:
  Transcript(std::uint8_t choice)
      : framer_({.command_bytes = 600,
                 .literal_bytes = 300,
                 .discard_bytes = 1000,
                 .streams_append = (choice & 1) != 0}) {}
  void feed(std::string_view bytes) {
    while (!bytes.empty() && !over_) {
      if (framer_.state() == State::message) {
        const auto size = std::min<std::uint64_t>(message_left_, bytes.size());
        message_left_ -= size;
        bytes.remove_prefix(size);
        if (message_left_ == 0) framer_.resume();
        continue;
      }
      bytes.remove_prefix(framer_.feed(bytes));
      look();
    }
  }
  std::vector<std::string> commands;
  std::string said;

 private:
  void look() {
    switch (framer_.state()) {
      case State::more:
        return;
      case State::continuation:
        said += "+ ";
        return framer_.resume();
      case State::message:
        said +=
            "message " + std::to_string(framer_.message_size()) + " " + std::string(framer_.text()) + "\n";
        message_left_ = framer_.message_size();
        if (message_left_ == 0) framer_.resume();
        return;
      case State::complete:
        MUST(framer_.text().size() <= 600);
        said += "command " + std::string(framer_.text()) + "\n";
        commands.emplace_back(framer_.text());
        return framer_.reset();
      case State::failed:
        said += "failed\n";
        return framer_.reset();
      case State::fatal:
        said += "fatal\n";
        over_ = true;
    }
  }
  CommandFramer framer_;
  std::uint64_t message_left_ = 0;
  bool over_ = false;
};

void names(std::string_view wire) {
  for (const bool utf8 : {false, true}) {
    if (const auto name = mailbox_name(wire, utf8)) {
      MUST(is_utf8(*name) && name->size() <= 1000);
      const auto again = mailbox_name(wire_name(*name, utf8), utf8);
      MUST(again && *again == *name);
      MUST(NamePattern("*").matches(*name));
      NamePattern(wire).matches(*name);
    }
    if (const auto pattern = mailbox_pattern(wire, utf8)) NamePattern(*pattern).matches("INBOX/some/folder");
  }
}

void sequences(Scanner in) {
  const auto set = SequenceSet::parse(in);
  if (!set) return;
  const auto ranges = set->resolve(1000);
  MUST(normalized(ranges) == ranges);
  SetWriter writer;
  for (const auto& range : ranges)
    for (auto n = range.first; n < range.last && n < range.first + 5; ++n) writer.add(n);
  writer.take();
}

// Every parser gets every text: a syntax error is an answer, whatever stands there.
void arguments(std::string_view text) {
  const auto each = [text](auto parse) {
    Scanner in(text);
    const auto parsed = parse(in);
    if (!parsed) MUST(parsed.error().fault == Fault::permanent && !parsed.error().text.empty());
    if (parsed) MUST(in.position() <= text.size());
  };
  each([](Scanner& in) { return parse_status_items(in); });
  each([](Scanner& in) { return parse_select_options(in); });
  each([](Scanner& in) { return parse_list(in); });
  each([](Scanner& in) { return parse_store(in); });
  each([](Scanner& in) { return parse_append(in); });
  each([](Scanner& in) { return parse_id(in); });
  each([](Scanner& in) { return parse_fetch(in, 50); });
  each([](Scanner& in) { return parse_search(in, {.depth = 10, .keys = 100, .text_keys = 5}); });
  each([](Scanner& in) { return parse_sort(in, {.depth = 10, .keys = 100, .text_keys = 5}); });
  each([](Scanner& in) { return parse_thread(in, {.depth = 10, .keys = 100, .text_keys = 5}); });
  each([](Scanner& in) { return parse_flags(in); });
  each([](Scanner& in) { return in.nstring(); });
  each([](Scanner& in) { return in.list_mailbox(); });
  each([](Scanner& in) { return in.number64(); });
  sequences(Scanner(text));
  Scanner in(text);
  if (const auto name = in.astring()) names(*name);
}

}  // namespace

FUZZ_TARGET(imap) {
  fuzz::Input in(input);
  const auto choice = in.byte();
  Transcript whole(choice), pieces(choice);
  whole.feed(in.rest());
  fuzz::in_pieces(in.rest(), choice, [&](std::string_view piece) { pieces.feed(piece); });
  MUST(whole.said == pieces.said);
  for (const auto& command : whole.commands) {
    std::string_view rest = command;
    take_until(rest, ' ');
    take_until(rest, ' ');
    arguments(rest);
    if (const auto space = rest.find(' '); space != std::string_view::npos) arguments(rest.substr(space + 1));
  }
}
