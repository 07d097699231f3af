# Prints what a Vagrantfile asks for, as JSON: for each machine its host name, networks, synced folders and provider settings.
# Vagrant's own `validate` passes over most values; this lets a test look at them. Usage: ruby settings.rb VAGRANTFILE
require "json"

# Takes any call, and writes down settings (`x.memory = 1`) and calls (`x.network :private_network, …`).
class Recorder < BasicObject
  def initialize(record) = @record = record

  def method_missing(name, *args, **options, &block)
    key = name.to_s
    return @record[key.chomp("=")] = args.first if key.end_with?("=")
    return child(key) if args.empty? && options.empty? && block.nil?
    label = args.first.to_s
    entry = { "arguments" => args.map(&:to_s), **options.transform_keys(&:to_s) }
    (@record[key] ||= []) << entry
    # Blocks of providers and machines are settings too; those of triggers run later, or never.
    block.call(::Recorder.new(entry)) if block && %w[provider define].include?(key)
    entry
  end

  def respond_to_missing?(*) = true

  def child(key) = ::Recorder.new(@record[key] ||= {})
end

module Vagrant
  def self.configure(_version)
    record = {}
    yield Recorder.new(record)
    puts JSON.generate(record)
  end
end

load ARGV.fetch(0)
