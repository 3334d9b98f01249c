// An SMTP or LMTP session's bytes, as smtpd and lmtpd take them: command lines, DATA, BDAT, replies of a
// server. The first byte chooses the rules of the session.
#include <algorithm>

#include "common/mail/smtp_data.h"
#include "mta/protocol/command.h"
#include "mta/protocol/reply.h"
#include "t/fuzz/fuzz.h"

using namespace waxwing;
using namespace waxwing::mta::protocol;

namespace {

struct Decoded {
  std::string message;
  std::size_t taken = 0;
  bool done = false;
  bool operator==(const Decoded&) const = default;
};

Decoded decode(std::string_view bytes, mail::DataDecoder::BareEnds policy, std::uint32_t seed, bool whole) {
  mail::DataDecoder decoder(policy);
  Decoded out;
  const auto feed = [&](std::string_view piece) {
    if (!decoder.done()) out.taken += decoder.feed(piece, out.message);
  };
  if (whole) feed(bytes);
  if (!whole) fuzz::in_pieces(bytes, seed, feed);
  out.done = decoder.done();
  return out;
}

// What follows DATA: nothing but CRLF.CRLF ends it, however the bytes come.
std::string_view data(std::string_view bytes, std::uint8_t choice) {
  using enum mail::DataDecoder::BareEnds;
  const auto policy = (choice & 1) != 0 ? repair : refuse;
  const auto decoded = decode(bytes, policy, 0, true);
  MUST(decoded == decode(bytes, policy, choice, false));
  MUST(decoded.taken <= bytes.size() && (decoded.done || decoded.taken == bytes.size()));
  const auto end = bytes.starts_with(".\r\n") ? 3 : bytes.find("\r\n.\r\n") + 5;
  MUST(decoded.done == (bytes.starts_with(".\r\n") || bytes.find("\r\n.\r\n") != std::string_view::npos));
  if (decoded.done) MUST(decoded.taken == end);

  // What was decoded goes out again and comes back the same.
  std::string message;
  mail::CrlfLines().feed(decoded.message, message);
  if (policy == repair && decoded.done) MUST(message == decoded.message);
  std::string wire;
  mail::DotStuffer stuffer;
  fuzz::in_pieces(message, choice, [&](std::string_view piece) { stuffer.feed(piece, wire); });
  stuffer.finish(wire);
  const auto again = decode(wire, refuse, 0, true);
  MUST(again.done && again.taken == wire.size());
  MUST(again.message == message || again.message == message + "\r\n");

  std::string crlf;
  mail::CrlfLines lines;
  fuzz::in_pieces(decoded.message, choice, [&](std::string_view piece) { lines.feed(piece, crlf); });
  MUST(crlf == message);
  return bytes.substr(decoded.taken);
}

void chunk(std::string_view bytes) {
  mail::LineChecker whole, pieces;
  whole.feed(bytes);
  whole.finish();
  fuzz::in_pieces(bytes, 7, [&](std::string_view piece) { pieces.feed(piece); });
  pieces.finish();
  MUST(whole.bare_cr() == pieces.bare_cr() && whole.bare_lf() == pieces.bare_lf());
  MUST(whole.longest_line() == pieces.longest_line() && whole.has_8bit() == pieces.has_8bit());
}

bool is_clean(std::string_view address) {
  return address.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

void refused(const mta::Verdict& verdict) {
  MUST(verdict.code >= 400 && verdict.code < 600);
  const auto text = format_reply(verdict);
  MUST(text.ends_with("\r\n"));
  ReplyReader reader;
  for (std::string_view rest = text; !rest.empty();) {
    const auto end = rest.find("\r\n");
    MUST(end != std::string_view::npos);
    const auto whole = reader.feed(rest.substr(0, end));
    rest.remove_prefix(end + 2);
    MUST(whole && *whole == rest.empty());
  }
  MUST(reader.take().code == verdict.code);
}

// A server's answers, as tcp_smtp_client reads them.
void replies(std::string_view bytes) {
  ReplyReader reader;
  fuzz::Input in(bytes);
  while (!in.at_end()) {
    const auto whole = reader.feed(in.line(), 4096);
    if (!whole) return;
    if (!*whole) continue;
    format_reply(reader.take());
    reader = {};
  }
}

}  // namespace

FUZZ_TARGET(smtp) {
  fuzz::Input in(input);
  const auto choice = in.byte();
  const auto bit = [&](int n) { return (choice >> n & 1) != 0; };
  auto rest = in.rest();
  replies(rest);
  while (!rest.empty()) {
    const auto end = rest.find("\r\n");
    const auto line = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 2);
    is_http_request(line);
    const auto command = parse_command(line);
    MUST(command.name.size() + command.argument.size() <= line.size());
    if (command.verb == Verb::mail) {
      const auto mail = parse_mail(command.argument, {.extended = bit(1),
                                                      .size = bit(2),
                                                      .auth = bit(3),
                                                      .size_limit = bit(4) ? 1000U : 0U,
                                                      .loose_brackets = bit(5),
                                                      .longest_hold_s = bit(7) ? 86400 : 0,
                                                      .shortest_by_s = bit(7) ? 0 : -1,
                                                      .mt_priority = bit(7),
                                                      .now_ms = 1'795'000'000'000});
      if (mail) MUST(is_clean(mail->address));
      if (!mail) refused(mail.error());
    } else if (command.verb == Verb::rcpt) {
      const auto rcpt =
          parse_rcpt(command.argument, {.extended = bit(1), .smtputf8 = bit(6), .loose_brackets = bit(5)});
      if (rcpt) MUST(is_clean(rcpt->address) && !rcpt->address.empty());
      if (!rcpt) refused(rcpt.error());
    } else if (command.verb == Verb::ehlo || command.verb == Verb::helo || command.verb == Verb::lhlo) {
      const auto name = parse_hello(command.argument);
      if (name) MUST(is_clean(*name) && name->size() <= 255);
      if (!name) refused(name.error());
    } else if (command.verb == Verb::data) {
      rest = data(rest, choice);
    } else if (command.verb == Verb::bdat) {
      const auto bdat = parse_bdat(command.argument);
      if (!bdat) {
        refused(bdat.error());
        continue;
      }
      const auto size = std::min<std::uint64_t>(bdat->size, rest.size());
      chunk(rest.substr(0, size));
      rest.remove_prefix(size);
    }
  }
}
