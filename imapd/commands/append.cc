// APPEND: RFC 9051 §6.3.12; UIDPLUS RFC 4315, LITERAL+ RFC 7888, APPENDLIMIT RFC 7889.
//
// The message goes from the socket to a draft file of the target's partition in pieces; memory is one
// piece. Everything that can be refused is refused before a synchronizing literal is invited. What the client
// sends anyway is read past, so that the next command is found where it begins.
#include <algorithm>

#include "imapd/commands/commands.h"
#include "imapd/parse/arguments.h"
#include "imapd/server.h"
#include "imapd/store_flags.h"

namespace waxwing::imap {
namespace {

constexpr std::size_t kPieceBytes = 64 * 1024;
// Refused messages up to this size are read past; after a larger one the connection ends.
constexpr std::uint64_t kMaxReadPast = 256 << 20;

struct Target {
  std::shared_ptr<store::Mailbox> mailbox;
  store::Draft draft;
};

Result<AppendArguments> append_arguments(Scanner& in) {
  TRY_VOID(in.space());
  return parse_append(in);
}

// On a worker.
Result<Target> open_target(Session& session, const store::MailboxName& name, std::uint64_t size) {
  auto& store = session.server().store();
  if (name.is_inbox()) TRY_VOID(store.find_or_create(name));
  TRY(auto mailbox, store.open_mailbox(name));
  TRY(auto draft, mailbox->begin_append(size, session.account().quota));
  return Target{std::move(mailbox), std::move(draft)};
}

// The next bytes of the literal, at most `left` and one piece; empty: the client is gone.
Task<std::string> next_piece(Session& session, std::uint64_t left) {
  auto& stream = session.stream();
  std::string piece;
  const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(left, kPieceBytes));
  while (piece.size() < wanted) {
    if (stream.peek().empty()) {
      auto filled = co_await stream.fill();
      if (!filled && is_interrupt(filled.error()) && !session.stopping()) continue;
      if (!filled || !*filled) co_return std::string();
    }
    const auto bytes = stream.peek().substr(0, wanted - piece.size());
    piece.append(bytes);
    stream.skip(bytes.size());
  }
  co_return piece;
}

// The message will not be taken: answers so, after reading past what comes uninvited.
Task<Answer> refuse(Session& session, Answer answer) {
  auto& framer = session.framer();
  if (framer.state() != CommandFramer::State::message) co_return answer;
  if (framer.message_is_synchronizing()) co_return answer;
  if (framer.message_size() > kMaxReadPast) {
    session.untagged("BYE The message is too large to be read past");
    session.finish();
    co_return answer;
  }
  for (auto left = framer.message_size(); left > 0;) {
    const auto piece = co_await next_piece(session, left);
    if (piece.empty()) {
      session.finish();
      co_return answer;
    }
    left -= piece.size();
  }
  framer.resume();
  co_await session.finish_command();
  co_return answer;
}

// Socket to draft. The literal is read to its end even when the disk fails midway.
Task<Result<>> receive(Session& session, store::Draft& draft) {
  auto& framer = session.framer();
  Result<> outcome;
  if (framer.message_is_synchronizing()) session.write("+ OK\r\n");
  for (auto left = framer.message_size(); left > 0;) {
    const auto piece = co_await next_piece(session, left);
    if (piece.empty()) {
      session.finish();
      co_return temporary("the connection ended inside the message");
    }
    left -= piece.size();
    if (!outcome) continue;
    if (!framer.message_is_binary() && piece.find('\0') != std::string::npos) {
      outcome = permanent("the message holds NUL: send it as literal8, ~{n}");
      continue;
    }
    auto work = [&] { return draft.write(piece); };
    outcome = co_await session.on_worker(work);
  }
  framer.resume();
  const bool complete = co_await session.finish_command();
  if (!complete) co_return temporary("the connection ended inside the command");
  co_return outcome;
}

void describe(store::Draft& draft, const AppendArguments& arguments) {
  draft.flags = store_flags(arguments.flags.system);
  draft.keywords = arguments.flags.keywords;
  draft.internal_date = arguments.internal_date;
  draft.zone_minutes = arguments.zone_minutes;
}

std::optional<Answer> size_problem(Session& session, std::uint64_t size) {
  const auto limit = session.server().settings()->max_message_bytes;
  if (size == 0) return Answer::no("[CANNOT] An empty message is not appended");
  if (limit == 0 || size <= limit) return std::nullopt;
  return Answer::no("[TOOBIG] Messages of more than " + std::to_string(limit) + " octets are not taken");
}

Answer concluded(const Result<store::Appended>& appended) {
  if (!appended) return answer_for_target(appended.error());
  SetWriter uids;
  for (const auto uid : appended->uids) uids.add(uid);
  return Answer::ok("[APPENDUID " + std::to_string(appended->uidvalidity) + " " + uids.take() +
                    "] APPEND completed");
}

}  // namespace

Task<Answer> append(Session& session, Command& command) {
  const auto arguments = append_arguments(command.arguments);
  Answer problem;
  if (!arguments) {
    problem = bad_syntax(arguments.error());
    auto answer = co_await refuse(session, problem);
    co_return answer;
  }
  if (session.framer().state() != CommandFramer::State::message)
    co_return Answer::bad("APPEND ends with the message as a literal");
  const auto name = session.mailbox_named(arguments->mailbox);
  if (!name) {
    problem = answer_for(name.error());
    auto answer = co_await refuse(session, problem);
    co_return answer;
  }
  const auto size = session.framer().message_size();
  if (const auto too_big = size_problem(session, size)) {
    auto answer = co_await refuse(session, *too_big);
    co_return answer;
  }
  auto open = [&] { return open_target(session, *name, size); };
  auto target = co_await session.on_worker(open);
  if (!target) {
    problem = answer_for_target(target.error());
    auto answer = co_await refuse(session, problem);
    co_return answer;
  }
  describe(target->draft, *arguments);
  auto received = co_await receive(session, target->draft);
  if (!received) co_return answer_for(received.error());
  if (!session.framer().text_after_message().empty())
    co_return Answer::bad("Unexpected text after the message (MULTIAPPEND is not offered)");
  auto finish = [&] {
    std::vector<store::Draft> drafts;
    drafts.push_back(std::move(target->draft));
    return target->mailbox->append(std::move(drafts), session.account().quota);
  };
  const auto appended = co_await session.on_writer(finish);
  co_return concluded(appended);
}

}  // namespace waxwing::imap
