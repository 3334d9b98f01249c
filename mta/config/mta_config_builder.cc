#include "mta/config/mta_config_builder.h"

#include <algorithm>

#include "common/base/strings.h"
#include "common/directory/address_url.h"
#include "mta/config/charset_conversion.h"
#include "mta/config/header_options.h"
#include "mta/config/imta_cnf.h"

namespace waxwing::mta {
namespace {

// The channel tag a template routes to, when it is written out: what follows the last @, controls left out.
std::string literal_tag(const std::vector<Step>& steps) {
  std::string tag;
  bool after_at = false;
  for (const auto& step : steps) {
    if (step.kind == StepKind::at) {
      after_at = true;
      tag.clear();
    } else if (step.kind == StepKind::literal && after_at) {
      tag += step.text;
    } else if (step.kind < StepKind::only_envelope && after_at) {
      return "";  // a substitution: known only when it is used
    }
  }
  return tag;
}

// The flags that whoever asks a table acts on.
struct TableFlags {
  std::string_view table, flags;
};
constexpr std::string_view kAccessFlags = "YNFBHVZUJKI<>DTASGX!";
constexpr TableFlags kTableFlags[] = {
    {"PORT_ACCESS", "YNFT<>"},     {"INTERNAL_IP", "YN"},
    {"FROM_ACCESS", kAccessFlags}, {"ORIG_SEND_ACCESS", kAccessFlags},
    {"SEND_ACCESS", kAccessFlags}, {"ORIG_MAIL_ACCESS", kAccessFlags},
    {"MAIL_ACCESS", kAccessFlags}, {"FORWARD", "YND"},
    {"REVERSE", "YNDH"},           {"PERSONAL_NAMES", "YN"},
    {"COMMENT_STRINGS", "YN"},     {"IP_ACCESS", "YNIA"},
    {"ETRN_ACCESS", kAccessFlags},
};

}  // namespace

MtaConfigBuilder::MtaConfigBuilder(SourceSet sources) : config_(std::make_shared<MtaConfig>()) {
  config_->sources_ = std::move(sources);
}

Result<std::shared_ptr<const MtaConfig>> MtaConfigBuilder::build(std::string build_id, std::string root) {
  auto& config = *config_;
  const auto& sources = config.sources_;
  config.build_id_ = std::move(build_id);
  config.root_ = std::move(root);
  config.options_ = MtaOptions::parse(sources, "option.dat", errors_, config.warnings_);
  read_comment_marks();
  config.mappings_ = Mappings::parse(sources, "mappings", errors_);
  config.aliases_ = AliasFile::parse(sources, "aliases", errors_, config.warnings_);
  config.conversions_ = Conversions::parse(sources, "conversions", errors_, config.warnings_);
  const auto text_bits = static_cast<unsigned>(config.options_.number(Opt::USE_TEXT_DATABASES));
  if (auto loaded = Databases::load(config.root_, sources, text_bits))
    config.databases_ = std::move(*loaded);
  else
    errors_.push_back(loaded.error().text);
  auto imta = parse_imta_cnf(sources, errors_, config.warnings_);
  config.rules_ = std::move(imta.rules);
  config.channels_ = std::move(imta.channels);
  if (auto parsed = DeliveryOptions::parse(config.options_.text(Opt::DELIVERY_OPTIONS)); parsed)
    config.delivery_options_ = std::move(*parsed);
  else
    errors_.push_back("option.dat: " + parsed.error().text);
  read_directory_options();
  read_circuits();
  check_options();
  if (!config.channels_.empty()) {
    index_channels();
    names();
    check_rules();
    check_channels();
    read_header_options();
    check_lists();
    check_circuits();
    check_table_flags();
  }
  if (!errors_.empty()) return permanent(join(errors_, "\n"));
  return config_;
}

void MtaConfigBuilder::read_comment_marks() {
  std::string marks;
  for (const auto code : split_words(config_->options_.text(Opt::COMMENT_CHARS))) {
    const auto number = to_number<int>(code);
    if (number && *number > ' ' && *number < 0x7f && !is_alnum(static_cast<char>(*number)) && *number != '<')
      marks += static_cast<char>(*number);
    else
      errors_.push_back(
          "option.dat: COMMENT_CHARS has codes from 33 to 126 of signs, but for < (60), not \"" +
          printable(code, 20) + "\"");
  }
  config_->sources_.set_comment_marks(std::move(marks));
}

// Options that no parser of theirs looks at before they are used.
void MtaConfigBuilder::check_options() {
  auto& config = *config_;
  for (const auto option : {Opt::MAX_HEADER_BLOCK_USE, Opt::MAX_HEADER_LINE_USE})
    if (!config.options_.share(option))
      errors_.push_back(
          "option.dat: MAX_HEADER_BLOCK_USE and MAX_HEADER_LINE_USE are numbers from 0 to 1, not \"" +
          printable(config.options_.text(option), 20) + "\"");
  auto text = config.options_.text(Opt::DOMAIN_FAILURE);
  if (text.empty()) return;
  auto steps = compile_rule_template(text);
  const auto is_mark = [](const Step& step) {
    return step.kind == StepKind::at || step.kind == StepKind::percent;
  };
  if (steps && std::ranges::none_of(*steps, is_mark)) steps = compile_rule_template(text.insert(0, "$U%$H@"));
  if (!steps)
    errors_.push_back("option.dat: DOMAIN_FAILURE: " + steps.error().text);
  else
    config.domain_failure_ = RewriteRule{"DOMAIN_FAILURE", text, "option.dat", std::move(*steps)};
}

void MtaConfigBuilder::read_directory_options() {
  auto& config = *config_;
  if (auto order = alias_order(config.options_))
    config.alias_order_ = std::move(*order);
  else
    errors_.push_back("option.dat: " + order.error().text);
  constexpr Opt urls[] = {Opt::ALIAS_URL0, Opt::ALIAS_URL1,       Opt::ALIAS_URL2,
                          Opt::ALIAS_URL3, Opt::DOMAIN_MATCH_URL, Opt::REVERSE_URL};
  for (const auto url : urls) {
    const auto& text = config.options_.text(url);
    const auto filled = directory::fill_address_url(text, {.base_dn = "o=x"}, {});
    if (!filled) errors_.push_back("option.dat: " + filled.error().text);
    if (!text.empty() && !istarts_with(text, "ldap:///"))
      errors_.push_back("option.dat: '" + printable(text) +
                        "' is no LDAP URL without host: ldap:///base?attributes?sub?filter");
  }
  if (config.options_.given(Opt::ALIAS_URL3) &&
      std::ranges::find(config.alias_order_.urls, Opt::ALIAS_URL3) == config.alias_order_.urls.end())
    config.warnings_.push_back("option.dat: ALIAS_URL3 is not asked, since ALIAS_MAGIC has no 9");
}

void MtaConfigBuilder::read_circuits() {
  auto& config = *config_;
  config.circuits_ = parse_circuits(config.sources_, config.options_, errors_);
  if (auto bins = parse_completed_bins(config.options_.text(Opt::CIRCUITCHECK_COMPLETED_BINS)))
    config.circuit_bins_ = std::move(*bins);
  else
    errors_.push_back("option.dat: " + bins.error().text);
}

// Nothing would send their messages, or know them again.
void MtaConfigBuilder::check_circuits() {
  if (!config_->circuits_.empty() && !config_->channel(kCircuitChannel))
    errors_.push_back(config_->circuits_.front().where +
                      ": imta.cnf has no channel circuitcheck; add a block with the lines "
                      "\"circuitcheck\" and \"circuitcheck-daemon\"");
}

void MtaConfigBuilder::index_channels() {
  auto& config = *config_;
  for (std::size_t i = 0; i < config.channels_.size(); ++i) {
    const auto& channel = config.channels_[i];
    config.by_name_.emplace(channel.name(), i);
    config.by_host_.emplace(channel.tag(), i);
    for (const auto& [host, alias] : channel.hosts()) config.by_host_.emplace(host, i);
  }
}

void MtaConfigBuilder::names() {
  auto& config = *config_;
  config.local_host_ = config.channels_.front().tag();  // "l": imta_cnf.cc sees to it
  config.default_domain_ = std::string(config.sources_.symbol("IMTA_DEFAULTDOMAIN"));
  if (config.default_domain_.empty()) config.default_domain_ = config.local_host_;
  for (const auto alias : split_words(config.sources_.symbol("IMTA_HOSTALIASES")))
    config.local_aliases_.emplace_back(alias);
}

// A table that is not there matches nothing, so [CANT_MAPPING] would let everybody in.
void MtaConfigBuilder::check_lists() {
  config_->aliases_.each([&](const Alias& alias) {
    for (const auto* clauses : {&alias.list.access, &alias.list.holding, &alias.list.moderator_access})
      for (const auto& clause : *clauses)
        if (clause.asks == ListClause::Asks::mapping && !config_->mappings_.table(clause.table))
          errors_.push_back(alias.where + ": list " + printable(alias.name) + " asks the mapping table \"" +
                            printable(clause.table) + "\", which is not in mappings");
  });
}

// A flag that nobody acts on is taken, so that its argument does not land elsewhere, but not in silence.
void MtaConfigBuilder::check_table_flags() {
  for (const auto& [name, flags] : kTableFlags) {
    const auto* table = config_->mappings_.table(name);
    if (!table) continue;
    for (const auto& row : table->rows())
      for (const auto& step : row.steps)
        if (step.kind == MapStep::Kind::flag && flags.find(step.text) == flags.npos)
          config_->warnings_.push_back(row.where + ": $" + step.text + " in table " + table->name() +
                                       " is accepted but has no effect");
  }
  if (const auto* table = config_->mappings_.table(OwnTable::charset_conversion))
    check_charset_conversion(*table, config_->warnings_);
}

void MtaConfigBuilder::check_rules() {
  if (config_->rules_.size() == 0) {
    errors_.push_back("imta.cnf: there are no rewrite rules, so no address would have a channel");
    return;
  }
  config_->rules_.each([&](const RewriteRule& rule) { check_rule(rule); });
}

void MtaConfigBuilder::check_rule(const RewriteRule& rule) {
  const auto tag = literal_tag(rule.steps);
  if (!tag.empty() && !config_->channel_of_host(tag))
    errors_.push_back(rule.where + ": template " + printable(rule.source) + " routes to \"" + printable(tag) +
                      "\", which is the host name of no channel; add it to a channel block");
  check_steps(rule, rule.steps);
}

void MtaConfigBuilder::check_steps(const RewriteRule& rule, const std::vector<Step>& steps) {
  for (const auto& step : steps) {
    const bool names_channel = step.kind == StepKind::only_source || step.kind == StepKind::not_source ||
                               step.kind == StepKind::only_destination ||
                               step.kind == StepKind::not_destination;
    if (names_channel && !config_->channel(step.text))
      errors_.push_back(rule.where + ": template " + printable(rule.source) + " names channel \"" +
                        printable(step.text) + "\", which there is none of");
    if (step.kind == StepKind::mapping && !config_->mappings_.table(step.text))
      errors_.push_back(rule.where + ": ${" + printable(step.text) +
                        ",...} calls a mapping table that is not in mappings");
    check_steps(rule, step.inner);
  }
}

void MtaConfigBuilder::check_channels() {
  for (const auto& channel : config_->channels_)
    for (const auto keyword : {Kw::tlsswitchchannel, Kw::saslswitchchannel, Kw::dispositionchannel,
                               Kw::notificationchannel, Kw::expandchannel, Kw::alternatechannel}) {
      const auto target = channel.word(keyword);
      if (!target.empty() && !config_->channel(target))
        errors_.push_back(channel.where() + ": " + std::string(keyword_spec(keyword).name) + " of channel " +
                          channel.name() + " names channel \"" + printable(target) +
                          "\", which there is none of");
    }
}

void MtaConfigBuilder::read_header_options() {
  const auto check = [&](const Channel& channel, Kw keyword, const std::string& name) {
    if (!channel.is(keyword)) return;
    if (config_->sources_.has_file(name))
      config_->header_options_[name] = std::make_shared<const HeaderOptions>(
          parse_header_options(config_->sources_.text(name), name, errors_));
    else
      errors_.push_back(channel.where() + ": " + std::string(keyword_spec(keyword).name) + " of channel " +
                        channel.name() + " needs the file config/" + name + ", which is not there");
  };
  for (const auto& channel : config_->channels_) {
    check(channel, channel.is(Kw::headertrim) ? Kw::headertrim : Kw::innertrim,
          channel.name() + "_headers.opt");
    check(channel, Kw::headerread, channel.name() + "_read_headers.opt");
  }
}

}  // namespace waxwing::mta
