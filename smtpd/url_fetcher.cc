#include "smtpd/url_fetcher.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/auth/access.h"
#include "common/base/strings.h"
#include "common/base/time.h"

namespace waxwing::smtpd {

namespace {
constexpr std::size_t kLineBytes = 32 * 1024;  // an answer repeats the URL
constexpr std::size_t kPieceBytes = 64 * 1024;
constexpr int kMostLines = 1000;          // of answers to one command
constexpr std::int64_t kWholeTimes = 10;  // the whole fetch may take so many times what one wait may
constexpr int kImapsPort = 993;
}  // namespace

UrlFetcher::UrlFetcher(Stream stream, std::shared_ptr<const BurlSettings> settings, BurlHost host)
    : stream_(std::move(stream)),
      settings_(std::move(settings)),
      host_(std::move(host)),
      until_ms_(monotonic_ms() + kWholeTimes * settings_->timeout_ms) {
  stream_.set_timeout_ms(settings_->timeout_ms);
}

std::unexpected<Error> UrlFetcher::trouble(std::string_view what) const {
  return temporary(
      fmt::format("IMAP server {} [{}]:{}: {}", host_.name, host_.address, host_.port, printable(what, 300)));
}

Task<Result<std::unique_ptr<UrlFetcher>>> UrlFetcher::open(EventLoop& loop, Resolver& resolver,
                                                           std::shared_ptr<const BurlSettings> settings,
                                                           BurlHost host) {
  if (host.address.empty()) {
    auto found = co_await resolver.addresses(host.name);
    if (found.list.empty())
      co_return temporary("IMAP server " + host.name + ": DNS has no address " + found.why);
    host.address = found.list.front();
  }
  std::string from_anywhere;
  auto stream =
      co_await connect_tcp(loop, host.address, host.port, settings->timeout_ms, std::move(from_anywhere));
  if (!stream)
    co_return temporary(
        fmt::format("IMAP server {} [{}]:{}: {}", host.name, host.address, host.port, stream.error().text));
  auto fetcher = std::make_unique<UrlFetcher>(std::move(*stream), std::move(settings), std::move(host));
  auto done = co_await fetcher->log_in();
  CO_TRY_VOID(done);
  co_return fetcher;
}

Task<Result<std::string>> UrlFetcher::line() {
  if (monotonic_ms() >= until_ms_) co_return trouble("it takes too long");
  auto read = co_await stream_.read_line(kLineBytes);
  if (!read) co_return trouble(read.error().text);
  if (istarts_with(*read, "* BYE")) co_return trouble(*read);
  co_return read;
}

Task<Result<>> UrlFetcher::log_in() {
  if (host_.port == kImapsPort) {
    auto secured = co_await stream_.start_tls_client(settings_->tls, host_.name);
    if (!secured) co_return trouble("TLS: " + secured.error().text);
  }
  auto greeting = co_await line();
  if (!greeting) co_return std::unexpected(std::move(greeting.error()));
  if (!istarts_with(*greeting, "* OK")) co_return trouble("greets with " + *greeting);
  auto known = co_await capabilities();
  CO_TRY_VOID(known);
  if (!stream_.is_tls() && (can_.login_disabled || !auth::is_loopback(host_.address))) {
    auto secured = co_await secure();
    CO_TRY_VOID(secured);
  }
  if (can_.login_disabled || !can_.plain) co_return trouble("does not offer AUTH=PLAIN");
  const auto response = std::string(1, '\0') + settings_->user + std::string(1, '\0') + settings_->password;
  std::string command = "AUTHENTICATE PLAIN " + to_base64(response);
  auto in = co_await ask(std::move(command));
  if (!in) co_return trouble("login as smtp.burl.user: " + in.error().text);
  // Who does not know URLFETCH answers BAD to it, and that must not pass for a URL that leads nowhere. It may be offered
  // to those only who are logged in.
  can_ = {};
  auto offered = co_await capabilities();
  CO_TRY_VOID(offered);
  if (!can_.urlauth) co_return trouble("does not offer URLAUTH");
  co_return Result<>();
}

Task<Result<>> UrlFetcher::secure() {
  if (!can_.starttls) co_return trouble("does not offer STARTTLS");
  std::string command = "STARTTLS";
  auto begun = co_await ask(std::move(command));
  CO_TRY_VOID(begun);
  auto secured = co_await stream_.start_tls_client(settings_->tls, host_.name);
  if (!secured) co_return trouble("TLS: " + secured.error().text);
  // What was said in clear is void.
  can_ = {};
  auto known = co_await capabilities();
  co_return known;
}

Task<Result<>> UrlFetcher::capabilities() {
  std::string command = "CAPABILITY";
  auto asked = co_await ask(std::move(command));
  co_return asked;
}

Task<Result<>> UrlFetcher::ask(std::string command) {
  stream_.write(fmt::format("b{} {}\r\n", ++tag_, command));
  auto answered = co_await tagged();
  co_return answered;
}

Task<Result<>> UrlFetcher::tagged() {
  const auto tag = fmt::format("b{} ", tag_);
  for (int n = 0; n < kMostLines; ++n) {
    auto said = co_await line();
    if (!said) co_return std::unexpected(std::move(said.error()));
    if (istarts_with(*said, "* CAPABILITY")) {
      for (const auto word : split_words(*said)) {
        can_.urlauth |= iequals(word, "URLAUTH");
        can_.plain |= iequals(word, "AUTH=PLAIN");
        can_.starttls |= iequals(word, "STARTTLS");
        can_.login_disabled |= iequals(word, "LOGINDISABLED");
      }
    } else if (said->starts_with(tag)) {
      const auto answer = std::string_view(*said).substr(tag.size());
      if (istarts_with(answer, "OK")) co_return Result<>();
      co_return trouble(answer);
    } else if (!said->starts_with("* ")) {
      co_return trouble("does not speak IMAP");
    }
  }
  co_return trouble("never ends its answer");
}

// What follows the URL: NIL, a quoted string, or the beginning of a literal.
Result<> UrlFetcher::take_answer(std::string_view value) {
  if (iequals(value, "NIL")) {
    leads_nowhere_ = true;
    return {};
  }
  if (value.size() >= 2 && value.starts_with('"') && value.ends_with('"')) {
    quoted_ = value.substr(1, value.size() - 2);
    for (std::size_t at = 0; (at = quoted_->find('\\', at)) != std::string::npos; ++at) quoted_->erase(at, 1);
    left_ = quoted_->size();
    return {};
  }
  const auto size = value.size() > 2 && value.starts_with('{') && value.ends_with('}')
                        ? to_number<std::uint64_t>(value.substr(1, value.size() - 2))
                        : std::nullopt;
  if (!size) return trouble("answers URLFETCH with neither NIL nor a literal");
  left_ = *size;
  return {};
}

Task<Result<std::optional<std::uint64_t>>> UrlFetcher::begin(std::string url) {
  stream_.write(fmt::format("b{} URLFETCH \"{}\"\r\n", ++tag_, url));
  const auto tag = fmt::format("b{} ", tag_);
  constexpr std::string_view kAnswer = "* URLFETCH ";
  for (int n = 0; n < kMostLines; ++n) {
    auto said = co_await line();
    if (!said) co_return std::unexpected(std::move(said.error()));
    if (istarts_with(*said, kAnswer)) {
      // The URL is repeated first; there are no blanks in it.
      auto value = std::string_view(*said).substr(kAnswer.size());
      take_until(value, ' ');
      auto taken = take_answer(value);
      if (!taken) co_return std::unexpected(std::move(taken.error()));
      if (!leads_nowhere_) co_return std::optional<std::uint64_t>(left_);
      auto ended = co_await tagged();
      if (!ended) co_return std::unexpected(std::move(ended.error()));
      co_return std::optional<std::uint64_t>();
    }
    if (said->starts_with(tag)) {
      const auto answer = std::string_view(*said).substr(tag.size());
      // It does not like the URL: it leads nowhere. NO: the server has a trouble of its own.
      if (istarts_with(answer, "BAD")) co_return std::optional<std::uint64_t>();
      co_return trouble(answer);
    }
    if (!said->starts_with("* ")) co_return trouble("does not speak IMAP");
  }
  co_return trouble("never ends its answer");
}

Task<Result<std::string>> UrlFetcher::next() {
  if (quoted_ && left_ > 0) {
    left_ = 0;
    co_return *quoted_;
  }
  if (left_ == 0) {
    if (!quoted_) {
      auto rest = co_await line();
      if (!rest) co_return std::unexpected(std::move(rest.error()));
      if (!rest->empty()) co_return trouble("goes on behind the literal");
    }
    auto ended = co_await tagged();
    if (!ended) co_return std::unexpected(std::move(ended.error()));
    stream_.write(fmt::format("b{} LOGOUT\r\n", ++tag_));
    (void)co_await stream_.flush();
    co_return std::string();
  }
  if (stream_.peek().empty()) {
    if (monotonic_ms() >= until_ms_) co_return trouble("it takes too long");
    auto more = co_await stream_.fill();
    if (!more) co_return trouble(more.error().text);
    if (!*more) co_return trouble("hangs up inside the message");
  }
  const auto bytes = static_cast<std::size_t>(std::min<std::uint64_t>(left_, kPieceBytes));
  std::string piece(stream_.peek().substr(0, bytes));
  stream_.skip(piece.size());
  left_ -= piece.size();
  co_return piece;
}

}  // namespace waxwing::smtpd
