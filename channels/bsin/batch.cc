#include "channels/bsin/batch.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "common/base/strings.h"
#include "common/mail/smtp_data.h"

namespace waxwing::channels {

namespace {

using mta::protocol::Verb;

constexpr std::size_t kMostLineBytes = 12288;  // RFC 5321 and all extensions of it
constexpr std::size_t kPieceBytes = 64 * 1024;

class Parser {
 public:
  Parser(std::string_view text, const BatchLimits& limits) : text_(text), limits_(limits) {}

  Result<std::vector<BatchTransaction>> run() {
    while (at_ < text_.size() && !quit_) {
      ++line_;
      TRY(const auto line, next_line());
      TRY_VOID(command(line));
    }
    if (text_.find_first_not_of("\r\n \t", at_) != text_.npos) return wrong("there is text behind QUIT");
    if (open_) return wrong("the batch ends in the middle of a transaction");
    if (done_.empty()) return wrong("there is no transaction in the batch");
    return std::move(done_);
  }

 private:
  std::unexpected<Error> wrong(const std::string& what) const {
    return permanent(fmt::format("line {} of the batch: {}", line_, what));
  }

  Result<std::string_view> next_line() {
    const auto rest = text_.substr(at_, kMostLineBytes + 2);
    const auto end = rest.find('\n');
    if (end == rest.npos && rest.size() > kMostLineBytes)
      return wrong(fmt::format("a command of more than {} bytes", kMostLineBytes));
    auto line = rest.substr(0, end);
    at_ += end == rest.npos ? rest.size() : end + 1;
    if (end == rest.npos) return line;  // the last one may lack its end
    if (!line.ends_with('\r')) return wrong("a line that does not end in CRLF");
    line.remove_suffix(1);
    return line;
  }

  Result<> command(std::string_view line) {
    const auto command = mta::protocol::parse_command(line);
    switch (command.verb) {
      case Verb::helo:
      case Verb::ehlo:
      case Verb::rset:
        open_.reset();
        return {};
      case Verb::noop:
        return {};
      case Verb::quit:
        quit_ = true;
        return {};
      case Verb::mail:
        return mail(command.argument);
      case Verb::rcpt:
        return rcpt(command.argument);
      case Verb::data:
        return data();
      default:
        return wrong("\"" + printable(line.substr(0, 60)) + "\" is no command of a batch");
    }
  }

  Result<> mail(std::string_view argument) {
    if (open_) return wrong("MAIL inside a transaction");
    if (done_.size() >= limits_.transactions)
      return wrong(fmt::format("more than {} transactions", limits_.transactions));
    auto parsed = mta::protocol::parse_mail(argument, {});
    if (!parsed) return wrong("MAIL: " + parsed.error().text);
    if (parsed->options.body_binary) return wrong("MAIL: BODY=BINARYMIME goes with no DATA");
    open_.emplace();
    open_->mail = std::move(*parsed);
    return {};
  }

  Result<> rcpt(std::string_view argument) {
    if (!open_) return wrong("RCPT outside a transaction");
    if (++recipients_ > limits_.recipients)
      return wrong(fmt::format("more than {} recipients", limits_.recipients));
    mta::protocol::RcptRules rules;
    rules.smtputf8 = open_->mail.options.smtputf8;
    auto parsed = mta::protocol::parse_rcpt(argument, rules);
    if (!parsed) return wrong("RCPT: " + parsed.error().text);
    open_->recipients.push_back(std::move(*parsed));
    return {};
  }

  // A bare CR or LF may hide the end of a message, and commands behind it, from one side or the other.
  Result<> data() {
    if (!open_ || open_->recipients.empty()) return wrong("DATA without RCPT");
    mail::DataDecoder decoder(mail::DataDecoder::BareEnds::refuse);
    const auto begin = at_;
    while (at_ < text_.size() && !decoder.done()) {
      std::string unused;
      at_ += decoder.feed(text_.substr(at_, kPieceBytes), unused);
    }
    open_->data = text_.substr(begin, at_ - begin);
    if (!decoder.done()) return wrong("the batch ends in the middle of the message that begins here");
    if (decoder.bare_cr() >= 0 || decoder.bare_lf() >= 0)
      return wrong("the message that begins here has a bare CR or LF");
    line_ += static_cast<std::size_t>(std::ranges::count(open_->data, '\n'));
    done_.push_back(std::move(*open_));
    open_.reset();
    return {};
  }

  const std::string_view text_;
  const BatchLimits limits_;
  std::size_t at_ = 0, line_ = 0, recipients_ = 0;
  bool quit_ = false;
  std::optional<BatchTransaction> open_;
  std::vector<BatchTransaction> done_;
};

}  // namespace

Result<std::vector<BatchTransaction>> parse_batch(std::string_view text, const BatchLimits& limits) {
  return Parser(text, limits).run();
}

}  // namespace waxwing::channels
