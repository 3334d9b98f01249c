#include "channels/conversion/part_run.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "channels/conversion/shell_command.h"
#include "channels/master/local_form.h"
#include "channels/program/keeper.h"
#include "common/base/file.h"
#include "common/base/strings.h"
#include "common/mail/encoded_word.h"
#include "common/mail/header.h"
#include "common/mail/transfer_coding.h"
#include "mta/form/edits.h"
#include "mta/form/reformat.h"
#include "mta/form/wire_body.h"

namespace waxwing::channels {

namespace {

using mta::ConversionEntry;
using mta::form::NewField;

constexpr std::size_t kMostSmallFileBytes = 64 * 1024;  // OUTPUT_OPTIONS, OUTPUT_HEADERS

std::string local(std::string_view text) {
  LocalForm form;
  auto out = form.take(text);
  return out + form.end();
}

// A file that a program of another account may have put there: no link is followed, no device waited for.
Result<std::string> read_result(const std::string& path, std::size_t most) {
  TRY(const auto fd, open_file(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return std::unexpected(system_error(path, errno));
  if (!S_ISREG(status.st_mode)) return permanent(path + " is no file");
  const auto size = static_cast<std::size_t>(status.st_size);
  if (size > most) return permanent(fmt::format("the result has more than {} bytes", most));
  std::string bytes(size, '\0');
  TRY_VOID(read_at(fd.get(), 0, bytes.data(), size));
  return bytes;
}

// One line of the environment: no NUL, no control bytes.
std::string value_of(std::string_view text) {
  std::string value(text.substr(0, 4096));
  std::erase_if(value, [](unsigned char c) { return c < ' ' || c == 127; });
  return value;
}

const char* name_of(mail::TransferEncoding encoding) {
  using enum mail::TransferEncoding;
  switch (encoding) {
    case seven_bit:
      return "7bit";
    case eight_bit:
      return "8bit";
    case binary:
      return "binary";
    case quoted_printable:
      return "quoted-printable";
    case base64:
      return "base64";
    case unknown:
      break;
  }
  return "unknown";
}

std::optional<std::string> failure_of(const ProgramEnd& end, const RunSettings& settings,
                                      const std::string& where) {
  auto said = printable(trim(end.output), 300);
  if (!said.empty()) said = ": " + said;
  if (end.too_much)
    return fmt::format("the command of {} wrote more than {} bytes and was ended", where,
                       settings.output_bytes);
  if (end.status == kKeeperLate)
    return fmt::format("the command of {} did not end in {} seconds{}", where, settings.seconds, said);
  if (end.status == kKeeperFailed) return fmt::format("the command of {} cannot be run{}", where, said);
  if (end.status > 128)
    return fmt::format("the command of {} was ended by signal {}{}", where, end.status - 128, said);
  if (end.status != 0) return fmt::format("the command of {} ended with {}{}", where, end.status, said);
  return std::nullopt;
}

std::string chosen(const std::string& by_program, std::string_view by_entry, std::string_view otherwise) {
  if (!by_program.empty()) return by_program;
  return std::string(by_entry.empty() ? otherwise : by_entry);
}

bool is_variable(std::string_view name) {
  return !name.empty() && !is_digit(name[0]) &&
         std::ranges::all_of(name, [](char c) { return is_alnum(c) || c == '_'; });
}

bool is_token(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return is_alnum(c) || c == '-' || c == '+' || c == '.' || c == '_';
  });
}

}  // namespace

std::string PartRunner::file(const char* name) const {
  return folder_.path(fmt::format("{}-{}", run_, name));
}

Result<> PartRunner::write_input(const ConversionEntry& entry, const ConversionPart& part) {
  const auto write = [&](const char* name, std::string_view bytes) {
    return folder_.write(fmt::format("{}-{}", run_, name), bytes);
  };
  const auto& at = mime_.parts[part.index];
  const auto decoded = mail::decoded_part(mime_, at);
  TRY_VOID(write("input", part.type == "text" ? local(decoded.bytes) : decoded.bytes));
  if (entry.flag("original-header-file")) TRY_VOID(write("input-headers", local(mime_.header_of(at))));
  constexpr std::int64_t kEnclosing = 1, kOutermost = 2;
  const auto which = entry.number("message-header-file");
  auto above = which == kOutermost ? -1 : at.parent;
  while (above >= 0 && mime_.parts[static_cast<std::size_t>(above)].kind != mail::MimePart::Kind::message)
    above = mime_.parts[static_cast<std::size_t>(above)].parent;
  // The header of an inner message is where its body begins.
  if (which != kEnclosing && which != kOutermost) return {};
  const auto begin = above < 0 ? 0 : mime_.parts[static_cast<std::size_t>(above)].body_begin;
  const auto block = mail::HeaderBlock::scan(mime_.message.substr(begin));
  return write("message-headers", local(block.text()));
}

PartRunner::Environment PartRunner::environment(const ConversionPart& part) const {
  const auto& at = mime_.parts[part.index];
  return {{"PATH", "/usr/local/bin:/usr/bin:/bin"},
          {"SHELL", "/bin/sh"},
          {"HOME", settings_.account.home},
          {"USER", settings_.account.name},
          {"LOGNAME", settings_.account.name},
          {"QUEUE_ID", queue_id_},
          {"ATTACHMENT_NUMBER", std::to_string(part.attachment)},
          {"CONVERSION_TAG", join(facts_.tags, ",")},
          {"INPUT_CHANNEL", facts_.in_channel},
          {"OUTPUT_CHANNEL", facts_.out_channel},
          {"INPUT_ENCODING", name_of(at.encoding)},
          {"INPUT_TYPE", value_of(part.type)},
          {"INPUT_SUBTYPE", value_of(part.subtype)},
          {"INPUT_DESCRIPTION", value_of(part.description)},
          {"INPUT_DISPOSITION", value_of(part.disposition)},
          {"PART_NUMBER", part.number},
          {"PART_SIZE", std::to_string(at.body_size())},
          {"INPUT_FILE", file("input")},
          {"INPUT_HEADERS", file("input-headers")},
          {"MESSAGE_HEADERS", file("message-headers")},
          {"OUTPUT_FILE", file("output")},
          {"OUTPUT_HEADERS", file("output-headers")},
          {"OUTPUT_OPTIONS", file("output-options")}};
}

// parameter-symbol-n and dparameter-symbol-n. A name that is taken is none for a sender's text.
Result<> PartRunner::add_symbols(const ConversionEntry& entry, const ConversionPart& part,
                                 Environment& environment) {
  for (const auto* kind : {"parameter", "dparameter"}) {
    const auto& value = *kind == 'd' ? part.content_disposition : part.content_type;
    for (const auto n : entry.numbers(std::string(kind) + "-symbol")) {
      const std::string symbol(entry.text(fmt::format("{}-symbol-{}", kind, n)));
      const bool taken =
          std::ranges::any_of(environment, [&](const auto& each) { return each.first == symbol; });
      if (taken || !is_variable(symbol))
        return permanent(entry.where() + ": " + printable(symbol) + " is no name for a parameter's value");
      environment.emplace_back(
          symbol, value_of(mta::form::picked_parameter(entry, std::string("in-") + kind, n, value, symbol)));
    }
  }
  return {};
}

Result<ProgramOrder> PartRunner::order_for(const ConversionEntry& entry, const ConversionPart& part,
                                           std::string_view command) const {
  ProgramOrder order;
  order.words = {"/bin/sh", "-c", shell_command(command)};
  order.account = settings_.account.name;
  order.uid = settings_.account.uid;
  order.gid = settings_.account.gid;
  order.seconds = settings_.seconds;
  order.output_bytes = settings_.output_bytes;
  order.processes = settings_.processes;
  order.file_bytes = settings_.file_bytes;
  order.environment = environment(part);
  TRY_VOID(add_symbols(entry, part, order.environment));
  return order;
}

Result<PartOptions> PartRunner::run_command(const ConversionEntry& entry, const ConversionPart& part,
                                            std::string_view command) {
  TRY(const auto order, order_for(entry, part, command));
  TRY(const auto end, run_kept_program(order, [] { return Result<std::string>(""); }));
  if (const auto failed = failure_of(end, settings_, entry.where())) return temporary(*failed);
  if (!entry.flag("override-option-file") || !file_exists(file("output-options"))) return PartOptions();
  const auto text = read_result(file("output-options"), kMostSmallFileBytes);
  auto options = text ? parse_part_options(*text) : Result<PartOptions>(std::unexpected(text.error()));
  if (!options) return temporary("the command of " + entry.where() + ": " + options.error().text);
  return options;
}

Result<PartResult> PartRunner::run(const ConversionEntry& entry, const ConversionPart& part) {
  ++run_;
  TRY_VOID(write_input(entry, part));
  TRY(auto options, run_command(entry, part, entry.text("command")));
  PartResult result{options.status, options.diagnostic, {}};
  if (result.status == PartStatus::done && entry.flag("delete")) result.status = PartStatus::removed;
  if (result.status == PartStatus::done && !file_exists(file("output")))
    result.status = PartStatus::unchanged;
  if (result.status == PartStatus::done) {
    TRY(result.part, new_part(entry, part, options));
  }
  for (const char* name : {"input", "output"}) ::unlink(file(name).c_str());
  return result;
}

// Fields of OUTPUT_HEADERS in the place of those of their names. Of a part only those that tell what it is; the
// encoding is what the body is in.
Result<> PartRunner::override_fields(const ConversionEntry& entry, bool is_part,
                                     std::vector<Field>& fields) const {
  if (!entry.flag("override-header-file") || !file_exists(file("output-headers"))) return {};
  const auto text = read_result(file("output-headers"), kMostSmallFileBytes);
  if (!text) return temporary("the command of " + entry.where() + ": " + text.error().text);
  const auto block = mail::HeaderBlock::scan(*text);
  for (const auto& field : block.fields()) {
    const bool ours = iequals(field.name, "Content-Transfer-Encoding") || iequals(field.name, "Received") ||
                      iequals(field.name, "Return-Path");
    if (ours || (is_part && !istarts_with(field.name, "Content-"))) continue;
    std::erase_if(fields, [&](const auto& each) { return iequals(each.first, field.name); });
    fields.emplace_back(field.name, mail::unfold(field.value));
  }
  return {};
}

Result<std::vector<PartRunner::Field>> PartRunner::fields_for(const ConversionEntry& entry,
                                                              const ConversionPart& part,
                                                              const PartOptions& options,
                                                              const std::string& type,
                                                              const std::string& subtype) const {
  const bool same_type = type == part.type && subtype == part.subtype;
  const auto disposition = chosen(options.disposition, entry.text("out-disposition"), part.disposition);
  const auto description = chosen(options.description, entry.text("out-description"), part.description);
  const bool same_disposition = iequals(disposition, part.disposition);
  std::vector<Field> fields = {
      {"Content-Type",
       type + "/" + subtype + mta::form::label_parameters(entry, "parameter", part.content_type, same_type)},
      {"Content-Disposition",
       disposition.empty()
           ? ""
           : disposition + mta::form::label_parameters(entry, "dparameter", part.content_disposition,
                                                       same_disposition)},
      {"Content-Description", mail::encode_words(description)},
      {"Content-MD5", ""},
      {"Content-Length", ""}};
  const bool is_part = mime_.parts[part.index].parent >= 0;
  if (!is_part) fields.emplace_back("MIME-Version", "1.0");
  TRY_VOID(override_fields(entry, is_part, fields));
  return fields;
}

Result<NewPart> PartRunner::new_part(const ConversionEntry& entry, const ConversionPart& part,
                                     const PartOptions& options) {
  auto content = read_result(file("output"), settings_.file_bytes);
  if (!content) return temporary("the command of " + entry.where() + ": " + content.error().text);
  const auto type = to_lower(chosen(options.type, entry.text("out-type"), part.type));
  const auto subtype = to_lower(chosen(options.subtype, entry.text("out-subtype"), part.subtype));
  if (!is_token(type) || !is_token(subtype))
    return temporary("the command of " + entry.where() +
                     " makes no media type: " + printable(type + "/" + subtype));
  const auto mode = to_lower(chosen(options.mode, entry.text("out-mode"), type == "text" ? "text" : "block"));
  const auto encoding = chosen(options.encoding, entry.text("out-encoding"), "");
  const auto body = mta::form::wire_body(std::move(*content), mode == "text", encoding,
                                         mta::form::boundaries_around(mime_, part.index));
  TRY(auto fields, fields_for(entry, part, options, type, subtype));
  fields.emplace_back("Content-Transfer-Encoding", body.encoding);
  std::vector<NewField> fresh;
  for (const auto& [name, value] : fields) fresh.push_back({name, value});
  TRY_VOID(folder_.write(fmt::format("{}-body", run_), body.bytes));
  return NewPart{mta::form::with_fields(mime_.header_of(mime_.parts[part.index]), fresh), file("body")};
}

Result<std::string> PartRunner::run_service(const ConversionEntry& entry, const ConversionPart& root,
                                            PartOptions& options) {
  ++run_;
  TRY_VOID(folder_.write(fmt::format("{}-input", run_), local(mime_.message)));
  TRY(options, run_command(entry, root, entry.text("service-command")));
  if (options.status != PartStatus::done || !file_exists(file("output"))) return std::string();
  auto message = read_result(file("output"), settings_.file_bytes);
  if (!message) return temporary("the command of " + entry.where() + ": " + message.error().text);
  auto wire = mta::form::wire_body(std::move(*message), true, "8bit", {});
  if (wire.encoding != "7bit" && wire.encoding != "8bit")
    return temporary("the command of " + entry.where() +
                     " makes no message: it has NUL bytes or lines over 998");
  return wire.bytes.empty() ? temporary("the command of " + entry.where() + " makes an empty message")
                            : Result<std::string>(std::move(wire.bytes));
}

}  // namespace waxwing::channels
