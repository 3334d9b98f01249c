// Messages as native puts them into an mbox and into a Maildir: whoever reads the mbox finds as many messages as were
// put in, with the text that they had. The first line is the sender; the second byte of the rest cuts it in two.
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "channels/master/local_form.h"
#include "channels/native_master/mailbox.h"
#include "common/base/file.h"
#include "common/base/path.h"
#include "common/base/strings.h"
#include "t/fuzz/frame/scratch.h"
#include "t/fuzz/fuzz.h"

using namespace waxwing;
using namespace waxwing::channels;

namespace {

std::string local_form(std::string_view text) {
  LocalForm form;
  std::string all;
  fuzz::in_pieces(text, 3, [&](std::string_view piece) { all += form.take(piece); });
  return all + form.end();
}

NativeMessage message_of(const std::string& sender, const std::string& text, std::uint32_t seed) {
  NativeMessage message{.sender = sender,
                        .id = "01ABC",
                        .head = "Return-Path: <>\n",
                        .arrival_seconds = 1'800'000'000,
                        .next = {}};
  auto pieces = std::make_shared<std::vector<std::string>>();
  fuzz::in_pieces(text, seed, [&](std::string_view piece) { pieces->emplace_back(piece); });
  message.next = [pieces, n = std::size_t{0}]() mutable -> Result<std::string> {
    return n < pieces->size() ? (*pieces)[n++] : std::string();
  };
  return message;
}

// The messages of an mbox as its readers take it apart ("mboxrd"), without their From line and the empty line at the end.
std::vector<std::string> messages_of(std::string_view mbox) {
  std::vector<std::string> messages;
  bool may_begin = true;
  while (!mbox.empty()) {
    const auto end = mbox.find('\n');
    MUST(end != mbox.npos);
    auto line = mbox.substr(0, end + 1);
    mbox.remove_prefix(end + 1);
    if (may_begin && line.starts_with("From ")) {
      if (!messages.empty()) messages.back().pop_back();
      messages.emplace_back();
      may_begin = false;
      continue;
    }
    MUST(!line.starts_with("From ") && !messages.empty());
    may_begin = line == "\n";
    const auto quotes = line.find_first_not_of('>');
    if (quotes != line.npos && quotes > 0 && line.substr(quotes).starts_with("From ")) line.remove_prefix(1);
    messages.back() += line;
  }
  if (!messages.empty()) messages.back().pop_back();
  return messages;
}

}  // namespace

FUZZ_TARGET(native_mailbox) {
  static const Owner myself{"me", "/", ::geteuid(), ::getegid(), false};
  fuzz::Input in(input);
  const std::string sender(in.line());
  const auto seed = in.byte();
  const auto text = local_form(in.rest());
  const auto folder = fuzz::scratch("native");
  const auto mbox = folder + "/mbox", maildir = folder + "/maildir";
  MUST(remove_tree(maildir));
  ::unlink(mbox.c_str());

  for (std::size_t n = 1; n <= 2; ++n) {
    MUST(append_to_mbox(mbox, myself, message_of(sender, text, seed + n), 0));
    const auto messages = messages_of(*read_file(mbox));
    MUST(messages.size() == n);
    auto expected = "Return-Path: <>\n" + text;
    if (!expected.ends_with('\n')) expected += '\n';
    for (const auto& message : messages) MUST(message == expected);
  }

  for (int time = 0; time < 2; ++time)
    MUST(put_into_maildir(maildir, myself, message_of(sender, text, seed)));
  const auto names = list_directory(maildir + "/new");
  MUST(names && names->size() == 1 && list_directory(maildir + "/tmp")->empty());
  MUST(*read_file(maildir + "/new/" + names->front()) == "Return-Path: <>\n" + text);
}
