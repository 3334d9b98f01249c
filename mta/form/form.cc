#include "mta/form/form.h"

#include <algorithm>

#include "common/mail/header.h"
#include "mta/address/mapping.h"
#include "mta/form/whole_header.h"

namespace waxwing::mta::form {

namespace {

struct Choice {
  Kw keyword;
  Keep keep;
};
constexpr Choice kPersonal[] = {
    {Kw::personalmap, Keep::map}, {Kw::personalomit, Keep::omit}, {Kw::personalstrip, Keep::strip}};
constexpr Choice kSourcePersonal[] = {{Kw::sourcepersonalmap, Keep::map},
                                      {Kw::sourcepersonalomit, Keep::omit},
                                      {Kw::sourcepersonalstrip, Keep::strip}};
constexpr Choice kComment[] = {{Kw::commentmap, Keep::map},
                               {Kw::commentomit, Keep::omit},
                               {Kw::commentstrip, Keep::strip},
                               {Kw::commenttotal, Keep::omit}};
constexpr Choice kSourceComment[] = {{Kw::sourcecommentmap, Keep::map},
                                     {Kw::sourcecommentomit, Keep::omit},
                                     {Kw::sourcecommentstrip, Keep::strip},
                                     {Kw::sourcecommenttotal, Keep::omit}};

Keep chosen(const Channel& channel, std::span<const Choice> choices) {
  for (const auto& [keyword, keep] : choices)
    if (channel.is(keyword)) return keep;
  return Keep::as_it_is;
}

std::size_t count(const Channel& channel, Kw keyword) {
  return static_cast<std::size_t>(std::max<std::int64_t>(channel.number(keyword, 0), 0));
}

void from_source(const MtaConfig& config, const Channel& channel, Form& form) {
  auto& header = form.header;
  header.from = {chosen(channel, kSourcePersonal), chosen(channel, kSourceComment), {}};
  header.from_total = channel.is(Kw::sourcecommenttotal);
  header.drop_blank = channel.is(Kw::dropblank);
  header.language = channel.word(Kw::language);
  if (channel.is(Kw::headerread)) header.read = config.header_options(channel.name() + "_read_headers.opt");
  auto& body = form.body;
  if (channel.is(Kw::wrapsmtplonglines)) body.long_lines = BodyForm::LongLines::wrap;
  if (channel.is(Kw::truncatesmtplonglines)) body.long_lines = BodyForm::LongLines::truncate;
  body.charset7 = channel.word(Kw::charset7);
  body.charset8 = channel.word(Kw::charset8);
  body.charset_escape = channel.word(Kw::charsetesc);
  body.thurman = channel.is(Kw::thurman);
  body.decode_multiparts = channel.is(Kw::interpretmultipartencoding);
  body.decode_messages = channel.is(Kw::interpretmessageencoding);
  body.guess_types = channel.is(Kw::convert_octet_stream);
}

void from_destination(const MtaConfig& config, const Channel& channel, Form& form) {
  auto& header = form.header;
  header.to = {chosen(channel, kPersonal), chosen(channel, kComment), {}};
  if (channel.is(Kw::header_733)) header.to.style = AddressStyle::percent;
  if (channel.is(Kw::header_uucp)) header.to.style = AddressStyle::bang;
  header.to_total = channel.is(Kw::commenttotal);
  header.day_of_week = channel.is(Kw::dayofweek);
  header.envelope_to = channel.is(Kw::x_env_to);
  if (channel.is(Kw::generatemessagehash)) header.hash = HeaderForm::Hash::generate;
  if (channel.is(Kw::deletemessagehash)) header.hash = HeaderForm::Hash::remove;
  header.max_addresses = count(channel, Kw::maxheaderaddrs);
  header.max_chars = count(channel, Kw::maxheaderchars);
  header.added_addresses = count(channel, Kw::addlineaddrs);
  header.fold = {count(channel, Kw::headerlinelength), count(channel, Kw::headerlabelalign)};
  if (channel.is(Kw::headertrim)) header.trim = config.header_options(channel.name() + "_headers.opt");
  auto& body = form.body;
  body.inner = channel.is(Kw::inner);
  if (channel.is(Kw::innertrim)) body.inner_trim = config.header_options(channel.name() + "_headers.opt");
  body.name_limit = count(channel, Kw::namelengthlimit);
  body.parameter_limit = count(channel, Kw::parameterlengthlimit);
  body.name_parameter_limit = count(channel, Kw::nameparameterlengthlimit);
  body.line_length = count(channel, Kw::linelength);
  const auto block = std::max<std::int64_t>(config.options().number(Opt::BLOCK_SIZE), 1);
  form.fragments.max_bytes = count(channel, Kw::maxblocks) * static_cast<std::uint64_t>(block);
  form.fragments.max_lines = count(channel, Kw::maxlines);
}

// $Y takes what the table gives; without it, or without the table, the text stays.
std::function<Result<std::string>(std::string_view)> by_table(const Lookup& lookup, const char* table) {
  return [&lookup, table](std::string_view text) -> Result<std::string> {
    TRY(auto answer, apply_mapping(lookup, table, text));
    return answer.matched && answer.flags.has('Y') && !answer.flags.has('N') ? std::move(answer.text)
                                                                             : std::string(text);
  };
}

ReformatTools reformat_tools(const Lookup& lookup, const Form& form, const Subject& subject) {
  ReformatTools tools;
  tools.facts = form.way;
  tools.conversions = &lookup.config.conversions();
  tools.note = [&subject](const std::string& part, std::string_view why) {
    if (subject.note) subject.note(part, why);
  };
  tools.change = [&lookup, &form](std::string_view charset) -> Result<mail::CharsetChange> {
    const auto* table = lookup.config.mappings().table(OwnTable::charset_conversion);
    if (table == nullptr) return mail::CharsetChange();
    const auto probe = "IN-CHAN=" + form.way.in_channel + ";OUT-CHAN=" + form.way.out_channel +
                       ";IN-CHARSET=" + std::string(charset);
    TRY(const auto answer, apply_mapping(lookup, *table, probe));
    return answer.matched ? parse_charset_change(answer.text) : mail::CharsetChange();
  };
  return tools;
}

}  // namespace

Form form_of(const MtaConfig& config, const Channel* source, const Channel& destination) {
  Form form;
  if (source) from_source(config, *source, form);
  from_destination(config, destination, form);
  const auto& options = config.options();
  const auto at_least_one = [&](Opt option) { return std::max<std::int64_t>(options.number(option), 1); };
  form.body.mime.max_depth =
      static_cast<unsigned>(std::min<std::int64_t>(at_least_one(Opt::MAX_MIME_LEVELS), 1000));
  form.body.mime.max_parts = static_cast<std::size_t>(at_least_one(Opt::MAX_MIME_PARTS));
  form.fragments.header_bytes_share = options.share(Opt::MAX_HEADER_BLOCK_USE).value_or(0.5);
  form.fragments.header_lines_share = options.share(Opt::MAX_HEADER_LINE_USE).value_or(0.5);
  return form;
}

Result<Pieces> shape(const Lookup& lookup, const Form& form, std::string message, const Subject& subject) {
  TRY(message, shape_body(std::move(message), form.body, subject.rewrite_inner,
                          reformat_tools(lookup, form, subject)));
  const auto block = scan_whole(message);
  HeaderFacts facts;
  const std::string_view whole = message;
  facts.body = whole.substr(block.size());
  facts.recipients = subject.recipients;
  facts.maps = {by_table(lookup, "PERSONAL_NAMES"), by_table(lookup, "COMMENT_STRINGS")};
  if (!form.header.plain()) {
    TRY(auto header, shape_header(whole.substr(0, block.size()), form.header, facts));
    message.replace(0, block.size(), header);
  }
  return Pieces::cut(std::move(message), form.fragments, lookup.config.local_host());
}

}  // namespace waxwing::mta::form
