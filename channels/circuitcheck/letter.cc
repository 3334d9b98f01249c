#include "channels/circuitcheck/letter.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/random.h"
#include "common/base/strings.h"
#include "common/mail/date.h"
#include "common/mail/header.h"

namespace waxwing::channels {

namespace {

constexpr std::size_t kLineBytes = 70;
constexpr std::size_t kMostNamed = 20;  // messages that a warning names one by one

std::string header_of(const Letterhead& letterhead, const std::string& to, const std::string& subject,
                      const std::string& message_id) {
  return mail::format_field("From", "Circuit check <" + letterhead.postmaster + ">") +
         mail::format_field("To", to) + mail::format_field("Subject", subject) +
         mail::format_field("Date", mail::format_local_date(letterhead.now_seconds)) +
         mail::format_field("Message-ID", "<" + message_id + "@" + letterhead.host + ">");
}

// Nobody answers to it by itself (RFC 3834).
constexpr const char* kPlainText =
    "Auto-Submitted: auto-generated\r\n"
    "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n"
    "Content-Transfer-Encoding: 7bit\r\n\r\n";

std::string filling(std::size_t bytes) {
  std::string text;
  text.reserve(bytes + kLineBytes);
  while (text.size() < bytes) text.append(kLineBytes - 2, '-').append("\r\n");
  return text;
}

}  // namespace

std::string circuit_message(const mta::Circuit& circuit, const mta::circuit::Token& token,
                            const std::string& sealed, const Letterhead& letterhead) {
  auto text = header_of(letterhead, "<" + circuit.address + ">",
                        fmt::format("Circuit check {}, message {}", circuit.name, token.number), sealed) +
              mail::format_field(mta::circuit::kField, sealed) + kPlainText;
  const auto body = text.size();
  text += fmt::format(
      "This message checks the circuit {} of {}.\r\n"
      "It finds its way back there by itself; who reads it elsewhere need do nothing.\r\n",
      circuit.name, letterhead.host);
  const auto written = text.size() - body;
  return text + filling(circuit.size_bytes > written ? circuit.size_bytes - written : 0);
}

std::string lost_warning(const mta::Circuit& circuit, const std::vector<mta::circuit::Sent>& lost,
                         const mta::circuit::Record& record, const Letterhead& letterhead) {
  auto text = header_of(letterhead, letterhead.postmaster,
                        fmt::format("Circuit {}: messages do not come back", circuit.name),
                        unique_id() + ".circuitcheck") +
              kPlainText;
  text += fmt::format(
      "Messages of the circuit {}, which are sent to\r\n\r\n    {}\r\n\r\n"
      "have not come back to {} within {} seconds:\r\n\r\n",
      circuit.name, printable(circuit.address, 400), letterhead.host, circuit.expires_seconds);
  for (const auto& sent : std::vector(lost.begin(), lost.begin() + std::min(lost.size(), kMostNamed)))
    text +=
        fmt::format("    message {}, sent {}\r\n", sent.number, mail::format_local_date(sent.sent_ms / 1000));
  if (lost.size() > kMostNamed) text += fmt::format("    and {} others\r\n", lost.size() - kMostNamed);
  const auto last = record.figures().last_returned_ms;
  text += fmt::format("\r\nThe last one that came back did so {}.\r\n",
                      last == 0 ? "never" : mail::format_local_date(last / 1000));
  return text +
         "\r\nimsimta circuitcheck shows the figures, imsimta trace where a message was last seen here.\r\n"
         "There is no other warning of this circuit until one of its messages has come back.\r\n";
}

}  // namespace waxwing::channels
