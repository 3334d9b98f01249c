#include "channels/pipe_master/pipe_channel.h"

#include <fmt/format.h>
#include <sysexits.h>

#include <algorithm>

#include "channels/master/local_text.h"
#include "channels/program/account.h"
#include "channels/program/keeper.h"
#include "common/base/strings.h"
#include "common/log/log.h"
#include "mta/config/mta_config.h"

namespace waxwing::channels {

namespace {

unsigned at_least_one(std::int64_t number) {
  return static_cast<unsigned>(std::clamp<std::int64_t>(number, 1, 100'000));
}

std::vector<std::string> words_of(const std::string& root, const ListedProgram& program,
                                  const std::string& user) {
  std::vector<std::string> words = {program_path(root, program.program)};
  for (const auto& argument : program.arguments) words.push_back(replace_all(argument, "%s", user));
  return words;
}

}  // namespace

Result<PipeAddress> parse_pipe_address(std::string_view address) {
  const auto local = address.substr(0, address.rfind('@'));
  const auto percent = local.rfind('%');
  if (percent == std::string_view::npos || percent == 0 || percent + 1 == local.size())
    return permanent("no program is named in " + printable(address));
  const PipeAddress parsed{std::string(local.substr(0, percent)), std::string(local.substr(percent + 1))};
  const bool plain = std::ranges::all_of(parsed.user, [](unsigned char c) {
    return c > ' ' && c < 127 && c != '/' && c != '"' && c != '\\' && c != '\'';
  });
  if (!plain || parsed.user[0] == '-' || parsed.user[0] == '.')
    return permanent("not the name of a user: " + printable(parsed.user));
  return parsed;
}

PipeVerdict judge_program(const ProgramEnd& end, const ProgramOrder& order) {
  using Kind = PipeVerdict::Kind;
  auto said = printable(trim(end.output), 300);
  if (!said.empty()) said = ": " + said;
  const auto name = order.words.front();
  if (end.too_much)
    return {Kind::deferred,
            fmt::format("4.3.0 {} wrote more than {} bytes and was ended", name, order.output_bytes)};
  struct Row {
    int status;
    Kind kind;
    const char* code;
  };
  static constexpr Row kRows[] = {
      {EX_OK, Kind::delivered, "2.0.0"},        {EX_NOUSER, Kind::failed, "5.1.1"},
      {EX_NOHOST, Kind::failed, "5.1.2"},       {EX_NOPERM, Kind::failed, "5.7.1"},
      {EX_TEMPFAIL, Kind::deferred, "4.3.0"},   {EX_OSERR, Kind::deferred, "4.3.0"},
      {EX_IOERR, Kind::deferred, "4.3.0"},      {EX_CONFIG, Kind::deferred, "4.3.5"},
      {kKeeperFailed, Kind::deferred, "4.3.5"},
  };
  if (end.status == kKeeperLate)
    return {Kind::deferred, fmt::format("4.3.0 {} did not end in {} seconds{}", name, order.seconds, said)};
  for (const auto& row : kRows)
    if (row.status == end.status)
      return {row.kind, fmt::format("{} {} {}{}", row.code, name,
                                    end.status == EX_OK           ? "took it"
                                    : end.status == kKeeperFailed ? "cannot be run"
                                                                  : fmt::format("ended with {}", end.status),
                                    said)};
  if (end.status > 128)
    return {Kind::deferred, fmt::format("4.3.0 {} was ended by signal {}{}", name, end.status - 128, said)};
  return {Kind::failed, fmt::format("5.3.0 {} ended with {}{}", name, end.status, said)};
}

PipeChannel::PipeChannel(MasterContext& context)
    : context_(context), workers_(at_least_one(context.daemon().config()->number("pipe.concurrency"))) {
  read_keywords();
  context_.daemon().on_reload([this] { read_keywords(); });
}

Result<std::unique_ptr<Channel>> PipeChannel::create(MasterContext& context) {
  return std::unique_ptr<Channel>(new PipeChannel(context));
}

void PipeChannel::read_keywords() {
  const auto config = mta::MtaConfig::load(context_.daemon().config()->root());
  if (!config) return log::Event("mta.reload.refused").with("error", config.error().text).error();
  const auto* channel = (*config)->channel(context_.channel());
  account_ = channel == nullptr ? "" : std::string(channel->word(mta::Kw::user));
  return_path_ = channel != nullptr && channel->is(mta::Kw::addreturnpath);
}

Result<ProgramOrder> PipeChannel::order_for(const Work& work, std::size_t index) const {
  const auto config = context_.daemon().config();
  const auto& recipient = work.envelope().recipients[index];
  TRY(const auto address, parse_pipe_address(recipient.address));
  TRY(const auto programs, read_program_list(config->root()));
  const auto* program = find_program(programs, address.method);
  if (program == nullptr)
    return permanent("no program is listed as " + printable(address.method) +
                     ": imsimta program -l shows them");
  TRY_VOID(check_program(program_path(config->root(), program->program)));
  const bool for_service = program->account == "postmaster" && account_.empty();
  TRY(const auto account, find_account(program->account == "user"         ? address.user
                                       : program->account == "postmaster" ? account_
                                                                          : program->account));
  TRY_VOID(may_become(account, for_service));
  ProgramOrder order;
  order.words = words_of(config->root(), *program, address.user);
  order.account = account.name;
  order.uid = account.uid;
  order.gid = account.gid;
  order.seconds = at_least_one(config->number("pipe.timeout"));
  order.output_bytes = static_cast<std::size_t>(std::max<std::int64_t>(0, config->number("pipe.maxoutput")));
  order.processes = at_least_one(config->number("pipe.maxprocesses"));
  order.environment = {{"PATH", "/usr/local/bin:/usr/bin:/bin"},
                       {"SHELL", "/bin/sh"},
                       {"HOME", account.home},
                       {"USER", account.name},
                       {"LOGNAME", account.name},
                       {"SENDER", work.envelope().sender},
                       {"RECIPIENT", recipient.address},
                       {"ORIGINAL_RECIPIENT", recipient.original},
                       {"MAIL_USER", address.user},
                       {"QUEUE_ID", work.envelope().queue_id}};
  return order;
}

void PipeChannel::deliver_one(Work& work, std::size_t index) const {
  const auto order = order_for(work, index);
  if (!order) {
    if (order.error().fault == Fault::permanent) return work.failed(index, "5.3.5 " + order.error().text);
    return work.deferred(index, "4.3.5 " + order.error().text);
  }
  LocalText text(work.message(), (return_path_ ? return_path_line(work.envelope().sender) : "") +
                                     original_recipient_line(work.message(), index, "\n"));
  const auto end = run_kept_program(*order, [&text] { return text.next(); });
  if (!end) return work.deferred(index, "4.3.0 " + end.error().text);
  const auto verdict = judge_program(*end, *order);
  if (verdict.kind == PipeVerdict::Kind::delivered) return work.delivered(index, verdict.text);
  if (verdict.kind == PipeVerdict::Kind::failed) return work.failed(index, verdict.text);
  work.deferred(index, verdict.text);
}

Task<void> PipeChannel::deliver(Work& work) {
  work.set_final(true);
  co_await workers_.run([&] {
    for (const auto i : work.pending()) deliver_one(work, i);
  });
}

}  // namespace waxwing::channels
